import type { Dependencies } from '../../context.ts';
import { postgresError } from '../../db/constraints.ts';
import { inTransaction } from '../../db/transaction.ts';
import type { Work } from '../../db/work.ts';
import { unavailable } from '../../lib/errors.ts';
import type { ReceivedEvent, StoredEvent } from './events.ts';
import type { KnownIntegration } from './find.ts';
import { createQueueCapacity } from './queue-capacity.ts';
import { type Storing, storeBatch } from './store-batch.ts';

/** Stores events that arrive at the same time in one transaction. */
export interface EventStore {
  /**
   * Resolves when the event is committed. Null if no enabled integration has the secret any more. Throws UNAVAILABLE if too
   * many events of the organization are queued.
   */
  add(integration: KnownIntegration, hash: string, event: ReceivedEvent, work: Work): Promise<StoredEvent | null>;
}

interface Waiting {
  readonly event: ReceivedEvent;
  /** The work of the request. */
  readonly work: Work;
  readonly resolve: (stored: StoredEvent | null) => void;
  readonly reject: (error: unknown) => void;
}

type Pool = Dependencies['pool'];

/** Limits of one transaction. An event that is larger has one of its own. */
const BATCH = { events: 64, bytes: 2_000_000 };

export function createEventStore({ pool, jobs }: Pick<Dependencies, 'pool' | 'jobs'>): EventStore {
  /** The events that are stored after the running transaction for the same secret, by hash. */
  const waiting = new Map<string, Waiting[]>();
  const storing = { jobs, capacity: createQueueCapacity() };

  /** Runs transactions until the queue is empty. */
  async function runAll(integration: KnownIntegration, hash: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await run(pool, storing, integration, hash, queue.splice(0, lengthOfBatch(queue)));
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

/** Stores events in one transaction, and settles their promises. */
async function run(
  pool: Pool,
  storing: Storing,
  integration: KnownIntegration,
  hash: string,
  given: readonly Waiting[],
): Promise<void> {
  for (const { work, reject } of given) if (work.stopped) reject(work.stopped);
  const batch = given.filter(({ work }) => !work.stopped);
  if (batch.length === 0) return;
  // At its deadline, a request must not report that nothing was stored.
  for (const { work } of batch) work.hasSentCommit = true;
  const events = batch.map(({ event }) => event);
  try {
    const stored = await storeWithRetries(pool, storing, integration, hash, events);
    for (const [at, { resolve }] of batch.entries()) resolve(stored?.[at] ?? null);
    storing.jobs.wake();
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}

const MAX_ATTEMPTS = 3;

/** SQLSTATEs of a transaction that failed because of another one: serialization failure, deadlock, lock timeout. */
const CONFLICTS = new Set(['40001', '40P01', '55P03']);

/** Repeats the transaction after a conflict with another one. The senders of the events have not caused the conflict. */
async function storeWithRetries(
  pool: Pool,
  storing: Storing,
  integration: KnownIntegration,
  hash: string,
  events: readonly ReceivedEvent[],
): Promise<StoredEvent[] | null> {
  const binding = { organizationId: integration.organizationId, userId: null };
  for (let attempt = 1; ; attempt += 1)
    try {
      return await inTransaction(pool, binding, (db) => storeBatch(db, storing, integration, hash, events));
    } catch (error) {
      if (!CONFLICTS.has(postgresError(error)?.code ?? '')) throw error;
      if (attempt === MAX_ATTEMPTS) throw unavailable();
    }
}

/** The number of events at the beginning of the queue that one transaction stores. */
function lengthOfBatch(queue: readonly Waiting[]): number {
  let bytes = 0;
  const end = queue.findIndex(({ event }, at) => {
    bytes += event.size;
    return at > 0 && (at >= BATCH.events || bytes > BATCH.bytes);
  });
  return end < 0 ? queue.length : end;
}
