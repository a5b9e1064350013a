import cluster from 'node:cluster';
import { encryptionOf, readConfig } from '../config.ts';
import { connect } from '../db/client.ts';
import { createLog, describeError } from '../lib/log.ts';
import { banner, workerBanner } from './banner.ts';
import { runJobs } from './jobs.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { openListener } from './listener.ts';
import { openMetricsListener } from './metrics-listener.ts';
import { createNode } from './node.ts';
import { loadObservers } from './observers.ts';
import { checkAccounts, prepareDatabase } from './prepare.ts';
import { serveWithWorkers } from './primary.ts';
import { runWorker } from './worker.ts';

/** Serves requests in this process. */
async function serve(lifecycle: Lifecycle): Promise<void> {
  const given = readConfig(process.env);
  const log = createLog(given.logLevel);
  // Requests are independent of each other, so a bug in one must not end the others.
  process.on('unhandledRejection', (error) => log({ level: 'error', error: describeError(error) }));
  // Before the database is started and migrated.
  encryptionOf(given);
  if (given.workers > 1) return await serveWithWorkers(given, log, lifecycle);
  const observers = await loadObservers(given, log, lifecycle);
  const { metrics } = observers;
  if (metrics && given.metrics.port !== undefined) await openMetricsListener(given, metrics.scrape, lifecycle, log);
  const listener = await openListener(given, lifecycle);
  const config = readConfig({ ...process.env, PORT: String(listener.port) });

  const { options, ...demo } = await prepareDatabase(config, log, lifecycle, listener.waitFor);
  const pool = connect(options);
  lifecycle.onStop(() => pool.end());
  const started = config.role === 'worker' ? null : await checkAccounts(config, pool, demo);
  const app = createNode({ pool, config, log, observers, hasDemo: demo.hasDemo }, lifecycle);
  await runJobs(app, lifecycle, () => listener.serve(app));
  process.stdout.write(started ? banner(config, started) : workerBanner(config));
}

if (cluster.isWorker) runWorker();
else {
  const lifecycle = createLifecycle();
  serve(lifecycle).catch((error) => (lifecycle.isStopping() ? undefined : lifecycle.exitWithError(error)));
}
