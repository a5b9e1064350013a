import type { App } from '../app.ts';
import { createWorker } from '../jobs/worker.ts';
import { createHandlers } from './job-handlers.ts';
import type { Lifecycle } from './lifecycle.ts';
import { GRACE } from './listener.ts';

/**
 * Calls `serve`, and then runs jobs unless the role of the process is `api`. After a signal to stop, the jobs and the requests
 * in progress end at the same time.
 */
export async function runJobs(
  { dependencies }: App,
  lifecycle: Lifecycle,
  serve: () => void | Promise<void>,
): Promise<void> {
  if (dependencies.config.role === 'api') return await serve();
  const worker = await createWorker({ ...dependencies, handlers: createHandlers(dependencies) });
  let stopped: Promise<void> | undefined;
  // The steps run in reverse order.
  lifecycle.onStop(async () => await stopped);
  await serve();
  lifecycle.onStop(async () => {
    stopped = worker.stop(GRACE.work);
    stopped.catch(() => undefined);
  });
  worker.start();
}
