import { and, eq } from 'drizzle-orm';
import type { Dependencies } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { idAt } from '../../lib/ids.ts';
import { type NewEvent, type ReceivedEvent, type StoredEvent, storeEvents } from './events.ts';
import type { KnownIntegration } from './find.ts';
import type { QueueCapacity } from './queue-capacity.ts';
import { integrations } from './table.ts';

export interface Storing {
  readonly jobs: Dependencies['jobs'];
  readonly capacity: QueueCapacity;
}

/** Stores events in the order in which they have arrived. Null if no enabled integration has the secret any more. */
export async function storeBatch(
  db: Db,
  { jobs, capacity }: Storing,
  { id, organizationId }: KnownIntegration,
  hash: string,
  received: readonly ReceivedEvent[],
): Promise<StoredEvent[] | null> {
  const locked = await lock(db, organizationId, id, hash);
  if (!locked) return null;
  const bytes = received.reduce((sum, { size }) => sum + size, 0);
  const count = await capacity.require(db, organizationId, { events: received.length, bytes });
  const events = inOrder(received, locked.lastEventAt);
  const storing = storeEvents(db, organizationId, id, events);
  const following = Promise.all([
    setLastEvent(db, organizationId, id, events.at(-1)?.createdAt ?? null),
    jobs.enqueue(db, 'process-events', { organizationId }, { key: organizationId }),
  ]);
  // If the first statement fails, the others only report that the transaction is aborted.
  following.catch(() => undefined);
  const stored = await storing;
  await following;
  count();
  return stored;
}

const isOwn = (organizationId: string, id: string) =>
  and(eq(integrations.organizationId, organizationId), eq(integrations.id, id));

/**
 * Locks the integration, so that transactions that store its events run one after the other, and a rotation, a disabling or
 * a deletion takes effect before or after them. See `awaitStoring`.
 */
async function lock(
  db: Db,
  organizationId: string,
  id: string,
  hash: string,
): Promise<{ lastEventAt: Date | null } | undefined> {
  const [row] = await db
    .select({ lastEventAt: integrations.lastEventAt })
    .from(integrations)
    .where(and(isOwn(organizationId, id), eq(integrations.hash, hash), eq(integrations.enabled, true)))
    .for('no key update');
  return row;
}

async function setLastEvent(db: Db, organizationId: string, id: string, lastEventAt: Date | null): Promise<void> {
  await db.update(integrations).set({ lastEventAt }).where(isOwn(organizationId, id));
}

/**
 * Milliseconds by which the last event can be in the future. A later one has its time from a wrong clock. Without this limit, all
 * further events would have times in the future, and so would the deploys that they report.
 */
const MAX_AHEAD = 3_600_000;

/**
 * Gives each event a time and an ID after those of all events that the integration has stored before, so that the order by ID
 * is the order of storing. The clocks of several nodes differ, and a clock can be set back.
 */
function inOrder(received: readonly ReceivedEvent[], last: Date | null): NewEvent[] {
  const earliest = Math.min(...received.map(({ receivedAt }) => receivedAt.getTime()));
  let at = last && last.getTime() <= earliest + MAX_AHEAD ? last.getTime() + 1 : 0;
  const timed = received.map((event) => {
    at = Math.max(at, event.receivedAt.getTime());
    return { event, createdAt: new Date(at) };
  });
  // The counter in the IDs of one millisecond can overflow, so the IDs are sorted.
  const ids = timed.map(({ createdAt }) => idAt(createdAt)).sort();
  return timed.map(({ event: { receivedAt: _, ...rest }, createdAt }, index) => ({
    ...rest,
    id: ids[index] as string,
    createdAt,
  }));
}
