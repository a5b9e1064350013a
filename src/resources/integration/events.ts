import { and, eq, sql } from 'drizzle-orm';
import { isAnyOf } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { type IntegrationType, integrationEvents, integrations } from './table.ts';

/** What a request contains. */
interface EventContent {
  /** A JSON text. */
  readonly payload: string;
  /** Bytes of the payload. */
  readonly size: number;
  /** SHA-256 of the header `Idempotency-Key`, and of the payload. Both are null without the header. */
  readonly idempotencyKey: string | null;
  readonly fingerprint: string | null;
}

/** An event that a node has received at this time on its clock. */
export interface ReceivedEvent extends EventContent {
  readonly receivedAt: Date;
}

/** An event that is about to be stored. */
export interface NewEvent extends EventContent {
  readonly id: string;
  readonly createdAt: Date;
}

/** The ID of the event, which another request with the same key may have stored. */
export interface StoredEvent {
  readonly id: string;
  /** Whether the event with this key has another payload. Then nothing was stored. */
  readonly isOther: boolean;
}

/** An event that is not processed yet. */
export interface QueuedEvent {
  readonly id: string;
  readonly integrationId: string;
  readonly type: IntegrationType;
  readonly payload: string;
  readonly size: number;
  readonly createdAt: Date;
}

/** The numbers of events that a statement inserts. Each number is a prepared statement of its own, so there are only a few. */
const BATCHES = [64, 16, 4, 1];

/** Maximum number of inserts of one event. A second insert is needed only if the event with the same key is deleted meanwhile. */
const MAX_INSERTS = 5;

/** Stores events of one integration, whose row the transaction has locked. Returns a result for each. */
export async function storeEvents(
  db: Db,
  organizationId: string,
  integrationId: string,
  events: readonly NewEvent[],
): Promise<StoredEvent[]> {
  const results = new Map<string, StoredEvent>();
  let rest = events;
  for (let inserts = 0; rest.length > 0; inserts += 1) {
    if (inserts === MAX_INSERTS) throw new Error('an event was neither stored nor found by its key');
    const stored = await insertEvents(db, organizationId, integrationId, rest);
    for (const id of stored) results.set(id, { id, isOther: false });
    const repeated = rest.filter(({ id }) => !stored.has(id));
    const known = repeated.length > 0 ? await findByKeys(db, organizationId, integrationId, repeated) : new Map();
    for (const { id, idempotencyKey, fingerprint } of repeated) {
      const first = known.get(idempotencyKey);
      if (first) results.set(id, { id: first.id, isOther: first.fingerprint !== fingerprint });
    }
    // After the insert, another transaction has deleted the event with the same key.
    rest = repeated.filter(({ id }) => !results.has(id));
  }
  return events.map(({ id }) => results.get(id) as StoredEvent);
}

/** Inserts the events whose keys no stored event has. Returns their IDs. */
async function insertEvents(
  db: Db,
  organizationId: string,
  integrationId: string,
  events: readonly NewEvent[],
): Promise<Set<string>> {
  const inserted: Promise<{ id: string }[]>[] = [];
  for (let at = 0, size = 0; at < events.length; at += size) {
    size = BATCHES.find((batch) => batch <= events.length - at) ?? 1;
    const rows = events.slice(at, at + size).map((event) => ({ ...event, organizationId, integrationId }));
    const own = { id: integrationEvents.id };
    inserted.push(db.insert(integrationEvents).values(rows).onConflictDoNothing().returning(own).execute());
  }
  return new Set((await Promise.all(inserted)).flat().map(({ id }) => id));
}

/** The stored events with the keys of these, by key. */
async function findByKeys(db: Db, organizationId: string, integrationId: string, events: readonly NewEvent[]) {
  const keys = events.map(({ idempotencyKey }) => idempotencyKey ?? '');
  const { id, idempotencyKey, fingerprint } = integrationEvents;
  const rows = await db
    .select({ id, idempotencyKey, fingerprint })
    .from(integrationEvents)
    .where(
      and(
        eq(integrationEvents.organizationId, organizationId),
        eq(integrationEvents.integrationId, integrationId),
        isAnyOf(idempotencyKey, keys),
      ),
    );
  return new Map(rows.map((row) => [row.idempotencyKey, row]));
}

/**
 * The oldest events of an organization that are not processed yet: at most so many, and so many bytes of their payloads
 * unless the first one has more.
 */
export async function readQueued(
  db: Db,
  organizationId: string,
  limit: { events: number; bytes: number },
): Promise<QueuedEvent[]> {
  const { id, integrationId, payload, size, createdAt } = integrationEvents;
  const own = eq(integrationEvents.organizationId, organizationId);
  const oldest = await db
    .select({ id, size })
    .from(integrationEvents)
    // As in the condition of the index.
    .where(and(own, sql`${integrationEvents.status} = 'QUEUED'`))
    .orderBy(id)
    .limit(limit.events);
  let bytes = 0;
  const end = oldest.findIndex((event, at) => {
    bytes += event.size;
    return at > 0 && bytes > limit.bytes;
  });
  const ids = oldest.slice(0, end < 0 ? oldest.length : end).map((event) => event.id);
  if (ids.length === 0) return [];
  const rows = await db
    .select({ id, integrationId, type: integrations.type, payload, size, createdAt })
    .from(integrationEvents)
    .innerJoin(
      integrations,
      and(eq(integrations.organizationId, integrationEvents.organizationId), eq(integrations.id, integrationId)),
    )
    .where(and(own, eq(integrations.organizationId, organizationId), isAnyOf(id, ids)))
    .orderBy(id);
  return rows.map((row) => ({ ...row, payload: row.payload ?? 'null' }));
}

/**
 * Locks these events. Returns the IDs of those that no other job has processed meanwhile. The integrations are locked first, as
 * their deletion does it, because suggestions refer to them.
 */
export async function lockQueued(db: Db, organizationId: string, ids: readonly string[]): Promise<Set<string>> {
  await queryRows(
    db,
    sql`select ${integrations.id} from ${integrations} where ${integrations.organizationId} = ${organizationId}
      order by ${integrations.id} for key share`,
  );
  const rows = await db
    .select({ id: integrationEvents.id })
    .from(integrationEvents)
    .where(
      and(
        eq(integrationEvents.organizationId, organizationId),
        isAnyOf(integrationEvents.id, ids),
        eq(integrationEvents.status, 'QUEUED'),
      ),
    )
    .orderBy(integrationEvents.id)
    .for('update');
  return new Set(rows.map((row) => row.id));
}

/** The number of events of an organization that are not processed yet, and the bytes of their payloads. */
export async function countQueued(db: Db, organizationId: string): Promise<{ events: number; bytes: number }> {
  const [row] = await queryRows<{ events: number; bytes: number }>(
    db,
    sql`select count(*)::int as events, coalesce(sum(${integrationEvents.size}), 0)::float8 as bytes
      from ${integrationEvents}
      where ${integrationEvents.organizationId} = ${organizationId} and ${integrationEvents.status} = 'QUEUED'`,
  );
  return row ?? { events: 0, bytes: 0 };
}

/**
 * Waits until the transactions that are storing events of the organization have ended. To be called by a job in a
 * transaction of its own, before it reads events for the first time: a transaction that finds a queued job adds none. It
 * locks the row of its integration before it looks for one.
 */
export async function awaitStoring(db: Db, organizationId: string): Promise<void> {
  await queryRows(
    db,
    sql`select ${integrations.id} from ${integrations} where ${integrations.organizationId} = ${organizationId}
      order by ${integrations.id} for share`,
  );
}

/** Sets the outcome of events. `error` is null for events that were processed. */
export async function endEvents(
  db: Db,
  organizationId: string,
  ids: readonly string[],
  outcome: { error: string | null; now: Date },
): Promise<void> {
  const { error, now } = outcome;
  await db
    .update(integrationEvents)
    .set({ status: error === null ? 'PROCESSED' : 'FAILED', error, processedAt: now })
    .where(and(eq(integrationEvents.organizationId, organizationId), isAnyOf(integrationEvents.id, ids)));
}
