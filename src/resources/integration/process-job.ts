import type { JobDependencies } from '../../context.ts';
import { postgresError } from '../../db/constraints.ts';
import type { Job, JobHandler } from '../../jobs/job.ts';
import { describeError } from '../../lib/log.ts';
import type { Scope } from '../evaluation/scope.ts';
import { processCustomEvents } from './custom-events.ts';
import { processDeploys } from './deploy.ts';
import { evaluateEvents, loadEventChecks } from './event-checks.ts';
import { awaitStoring, endEvents, lockQueued, type QueuedEvent, readQueued } from './events.ts';
import { trimEvents } from './trim.ts';

/** Maximum number of events of one batch, bytes of their payloads, and evaluations by checks. */
const BATCH = { events: 100, bytes: 8_000_000, evaluations: 200 };

type Dependencies = Pick<JobDependencies, 'clock' | 'eventEvaluator' | 'log'>;
type ProcessJob = Job<'process-events'>;

/** Processes the queued events of an organization. */
export const createProcessEvents =
  (dependencies: JobDependencies): JobHandler<'process-events'> =>
  async (job) => {
    await job.transaction((db) => awaitStoring(db, job.payload.organizationId));
    while (await processNext(job, dependencies));
  };

/**
 * Processes the oldest queued events. Returns false if there is none. The programs of checks run without a transaction, and the
 * results are written in another one that locks the events. So a second job at the same time does not process them again.
 */
async function processNext(job: ProcessJob, dependencies: Dependencies): Promise<boolean> {
  const { organizationId } = job.payload;
  const { clock, eventEvaluator } = dependencies;
  const { events, checks } = await job.transaction(async (db) => {
    const checks = await loadEventChecks(db, organizationId, clock());
    const most = Math.max(1, Math.floor(BATCH.evaluations / Math.max(checks.length, 1)));
    const limit = { events: Math.min(BATCH.events, most), bytes: BATCH.bytes };
    return { checks, events: await readQueued(db, organizationId, limit) };
  });
  const custom = events.filter(({ type }) => type === 'CUSTOM_EVENT');
  const evaluated = await evaluateEvents(eventEvaluator, organizationId, custom, checks, job.signal);
  const deploys = events.filter(({ type }) => type === 'DEPLOY');
  await writeAll(job, dependencies, deploys, processDeploys);
  await writeAll(job, dependencies, evaluated, processCustomEvents);
  return events.length > 0;
}

type Event = Pick<QueuedEvent, 'id' | 'integrationId'>;

/** Processes events in one transaction. If the data of one event causes an error, the others are still processed. */
async function writeAll<Own extends Event>(
  job: ProcessJob,
  dependencies: Dependencies,
  events: readonly Own[],
  process: (scope: Scope, events: readonly Own[]) => Promise<void>,
): Promise<void> {
  if (events.length === 0) return;
  const { organizationId } = job.payload;
  const now = dependencies.clock();
  try {
    await job.transaction(async (db) => {
      const queued = await lockQueued(
        db,
        organizationId,
        events.map(({ id }) => id),
      );
      const own = events.filter(({ id }) => queued.has(id));
      if (own.length > 0) await process({ db, organizationId, now }, own);
      for (const integrationId of new Set(own.map((event) => event.integrationId)))
        await trimEvents(db, organizationId, integrationId);
    });
  } catch (error) {
    if (!isOfData(error)) throw error;
    const [only, ...others] = events;
    if (only && others.length === 0) await fail(job, dependencies, only, error);
    else for (const event of events) await writeAll(job, dependencies, [event], process);
  }
}

/** Whether a retry would fail again: PostgreSQL refuses a value, or the code does not expect it. */
const isOfData = (error: unknown): boolean =>
  /^2[23]/.test(postgresError(error)?.code ?? '') || error instanceof TypeError || error instanceof RangeError;

async function fail(job: ProcessJob, { clock, log }: Dependencies, { id }: Event, error: unknown): Promise<void> {
  const { organizationId } = job.payload;
  log({ level: 'error', message: 'an event cannot be processed', event: id, error: describeError(error) });
  await job.transaction((db) =>
    endEvents(db, organizationId, [id], { error: 'The event could not be processed.', now: clock() }),
  );
}
