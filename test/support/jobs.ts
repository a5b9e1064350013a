import { afterAll } from 'vitest';
import { createWorker, type JobWorker } from '../../src/jobs/worker.ts';
import { createHandlers } from '../../src/startup/job-handlers.ts';
import type { Api } from './api.ts';

/** The worker of a node, which runs jobs at each `runOnce()`, and all the time after `start()`. */
export async function workerOf({ app: { dependencies } }: Api): Promise<JobWorker> {
  const worker = await createWorker({ ...dependencies, handlers: createHandlers(dependencies) });
  afterAll(() => worker.stop(0));
  return worker;
}

/** The retries of failed jobs may start now. */
export const skipRetryDelays = ({ root }: Api) =>
  root`update pgboss.job_common set start_after = now() where state = 'retry'`;
