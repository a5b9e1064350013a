import { and, eq } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { Dependencies } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { inTransaction } from '../../db/transaction.ts';
import type { Work } from '../../db/work.ts';
import { countQueued, type NewEvent, type StoredEvent, storeEvents } from './events.ts';
import type { KnownIntegration } from './find.ts';
import { EVENT_LIMITS } from './limits.ts';
import { EventRefusedError } from './refusals.ts';
import { integrations } from './table.ts';

/** Stores events that arrive at the same time in one transaction. */
export interface EventStore {
  /**
   * Resolves when the event is committed. Null if no enabled integration has the secret any more. Throws UNAVAILABLE if too
   * many events of the organization are queued.
   */
  add(integration: KnownIntegration, hash: string, event: NewEvent, work: Work): Promise<StoredEvent | null>;
}

interface Waiting {
  readonly event: NewEvent;
  /** The work of the request. */
  readonly work: Work;
  readonly resolve: (stored: StoredEvent | null) => void;
  readonly reject: (error: unknown) => void;
}

/** Limits of one transaction. An event that is larger has one of its own. */
const BATCH = { events: 64, bytes: 2_000_000 };

/** Milliseconds after which the queued events are counted again. In between, the events that this node has stored are added. */
const COUNTED_FOR = 1_000;
const MAX_COUNTED = 10_000;

const QUEUE_FULL = 'Too many events of the organization are not processed yet. Try again later.';
/** Seconds after which a client can try again. Many events are processed meanwhile. */
const RETRY_AFTER = 10;

type Queued = { events: number; bytes: number; readAt: number };

export function createEventStore({ pool, jobs }: Pick<Dependencies, 'pool' | 'jobs'>): EventStore {
  /** The events that are stored after the running transaction for the same secret, by hash. */
  const waiting = new Map<string, Waiting[]>();
  const counts = new LRUCache<string, Queued>({ max: MAX_COUNTED });

  /** Throws if the events would exceed the limits of the queue. */
  async function requireRoom(db: Db, organizationId: string, bytes: number, events: number): Promise<Queued> {
    const now = performance.now();
    let queued = counts.get(organizationId);
    if (!queued || now - queued.readAt > COUNTED_FOR) {
      queued = { ...(await countQueued(db, organizationId)), readAt: now };
      counts.set(organizationId, queued);
    }
    if (queued.events + events > EVENT_LIMITS.queued || queued.bytes + bytes > EVENT_LIMITS.queuedBytes)
      throw new EventRefusedError('QUEUE_FULL', 'UNAVAILABLE', QUEUE_FULL, {
        status: 503,
        headers: { 'retry-after': String(RETRY_AFTER) },
      });
    return queued;
  }

  /** Null if the secret is not valid any more. */
  async function store(
    db: Db,
    { id, organizationId }: KnownIntegration,
    hash: string,
    batch: readonly Waiting[],
  ): Promise<StoredEvent[] | null> {
    const bytes = sizeOf(batch);
    // Locks the row, so that a rotation or deletion takes effect before or after the transaction. See `awaitStoring`.
    const found = await db
      .update(integrations)
      .set({ lastEventAt: batch.at(-1)?.event.createdAt })
      .where(
        and(
          eq(integrations.organizationId, organizationId),
          eq(integrations.id, id),
          eq(integrations.hash, hash),
          eq(integrations.enabled, true),
        ),
      )
      .returning({ id: integrations.id });
    if (found.length === 0) return null;
    const queued = await requireRoom(db, organizationId, bytes, batch.length);
    const events = batch.map(({ event }) => event);
    const storing = storeEvents(db, organizationId, id, events);
    const enqueuing = jobs.enqueue(db, 'process-events', { organizationId }, { key: organizationId });
    const [stored] = await Promise.all([storing, enqueuing]);
    queued.events += batch.length;
    queued.bytes += bytes;
    return stored;
  }

  async function run(integration: KnownIntegration, hash: string, given: readonly Waiting[]): Promise<void> {
    const { organizationId } = integration;
    for (const { work, reject } of given) if (work.stopped) reject(work.stopped);
    const batch = given.filter(({ work }) => !work.stopped);
    if (batch.length === 0) return;
    // At its deadline, a request must not report that nothing was stored.
    for (const { work } of batch) work.hasSentCommit = true;
    try {
      const binding = { organizationId, userId: null };
      const stored = await inTransaction(pool, binding, (db) => store(db, integration, hash, batch));
      for (const [at, { resolve }] of batch.entries()) resolve(stored?.[at] ?? null);
      jobs.wake();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  /** Runs transactions until the queue is empty. */
  async function runAll(integration: KnownIntegration, hash: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await run(integration, hash, queue.splice(0, lengthOfBatch(queue)));
    waiting.delete(hash);
  }

  return {
    add: (integration, hash, event, work) =>
      new Promise((resolve, reject) => {
        const queue = waiting.get(hash);
        const own = { event, work, resolve, reject };
        if (queue) return void queue.push(own);
        const first = [own];
        waiting.set(hash, first);
        void runAll(integration, hash, first);
      }),
  };
}

const sizeOf = (batch: readonly Waiting[]): number => batch.reduce((sum, { event }) => sum + event.size, 0);

/** The number of events at the beginning of the queue that one transaction stores. */
function lengthOfBatch(queue: readonly Waiting[]): number {
  let bytes = 0;
  const end = queue.findIndex(({ event }, at) => {
    bytes += event.size;
    return at > 0 && (at >= BATCH.events || bytes > BATCH.bytes);
  });
  return end < 0 ? queue.length : end;
}
