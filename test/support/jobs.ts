import { afterAll, onTestFinished } from 'vitest';
import { inTransaction } from '../../src/db/transaction.ts';
import type { JobHandlers } from '../../src/jobs/job.ts';
import { createWorker, type JobWorker } from '../../src/jobs/worker.ts';
import type { JobName, JobPayload } from '../../src/lib/jobs.ts';
import type { Log } from '../../src/lib/log.ts';
import { createHandlers } from '../../src/startup/job-handlers.ts';
import type { Api } from './api.ts';

/** Adds a job in a transaction of its own. */
export const enqueue = <Name extends JobName>(
  api: Api,
  name: Name,
  payload: JobPayload<Name>,
): Promise<string | null> =>
  inTransaction(api.pool, { organizationId: null, userId: null }, (db) =>
    api.app.dependencies.jobs.enqueue(db, name, payload),
  );

interface WorkerSettings {
  /** Replaces the handlers of these jobs. */
  handlers?: Partial<JobHandlers>;
  log?: Log;
}

const createOn = (api: Api, { handlers, log = () => undefined }: WorkerSettings = {}): Promise<JobWorker> => {
  const { dependencies } = api.app;
  return createWorker({ ...dependencies, handlers: { ...createHandlers(dependencies), ...handlers }, log });
};

/** A worker on the connections of the server, which ends with the test. It does nothing until it is started. */
export async function openWorker(api: Api, settings?: WorkerSettings): Promise<JobWorker> {
  const worker = await createOn(api, settings);
  onTestFinished(() => worker.stop(0));
  return worker;
}

/** The same, which ends with the test file. */
export async function sharedWorker(api: Api): Promise<JobWorker> {
  const worker = await createOn(api);
  afterAll(() => worker.stop(0));
  return worker;
}

/** Runs the queued jobs, and those that they add, until none is left that can start now. */
export async function runJobs(api: Api, settings?: WorkerSettings): Promise<void> {
  const worker = await createOn(api, settings);
  while ((await worker.runOnce()) > 0);
  await worker.stop(0);
}

/** The retries of failed jobs may start now. */
export const skipRetryDelays = ({ root }: Api) =>
  root`update pgboss.job_common set start_after = now() where state = 'retry'`;
