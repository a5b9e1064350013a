import { type Config, readConfig } from '../config.ts';
import type { Log } from '../lib/log.ts';
import { banner, workerBanner } from './banner.ts';
import type { Lifecycle } from './lifecycle.ts';
import { openMetricsListener } from './metrics-listener.ts';
import { checkAccounts, connectOnce, prepareDatabase } from './prepare.ts';
import { createWorkers } from './workers.ts';

/**
 * Prepares the database once, and lets workers serve the requests. This process serves none. It holds the port, and passes
 * each new connection to the next worker.
 */
export async function serveWithWorkers(given: Config, log: Log, lifecycle: Lifecycle): Promise<void> {
  const workers = createWorkers(given.workers, log, lifecycle.isStopping);
  lifecycle.onStop(workers.stop);
  const port = await workers.listen();
  if (given.metrics.port !== undefined) await openMetricsListener(given, workers.scrape, lifecycle, log);
  const config = readConfig({ ...process.env, PORT: String(port) });

  const { options, ...demo } = await prepareDatabase(config, log, lifecycle, workers.waitFor);
  const started =
    config.role === 'worker' ? null : await connectOnce(options, (pool) => checkAccounts(config, pool, demo));
  // Again, because the workers must end before the embedded database does.
  lifecycle.onStop(workers.stop);
  await workers.serve({ kind: 'serve', port, databaseUrl: options.url, hasDemo: demo.hasDemo });
  process.stdout.write(started ? banner(config, started) : workerBanner(config));
}
