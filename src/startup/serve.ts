import cluster from 'node:cluster';
import { readConfig } from '../config.ts';
import { connect } from '../db/client.ts';
import { createLog, describeError } from '../lib/log.ts';
import { banner } from './banner.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { openListener } from './listener.ts';
import { createNode } from './node.ts';
import { checkAccounts, prepareDatabase } from './prepare.ts';
import { serveWithWorkers } from './primary.ts';
import { runWorker } from './worker.ts';

/** Serves requests in this process. */
async function serve(lifecycle: Lifecycle): Promise<void> {
  const given = readConfig(process.env);
  const log = createLog(given.logLevel);
  // Requests are independent of each other, so a bug in one must not end the others.
  process.on('unhandledRejection', (error) => log({ level: 'error', error: describeError(error) }));
  if (given.workers > 1) return await serveWithWorkers(given, log, lifecycle);
  const listener = await openListener(given, lifecycle);
  const config = readConfig({ ...process.env, PORT: String(listener.port) });

  const { options, hasDemo } = await prepareDatabase(config, log, lifecycle, listener.waitFor);
  const pool = connect(options);
  lifecycle.onStop(() => pool.end());
  const started = await checkAccounts(config, pool, hasDemo);
  listener.serve(createNode({ pool, config, log, hasDemo }, lifecycle));
  process.stdout.write(banner(config, started));
}

if (cluster.isWorker) runWorker();
else {
  const lifecycle = createLifecycle();
  serve(lifecycle).catch((error) => (lifecycle.isStopping() ? undefined : lifecycle.exitWithError(error)));
}
