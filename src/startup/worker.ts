import cluster from 'node:cluster';
import type { App, ObserverOptions } from '../app.ts';
import { readConfig } from '../config.ts';
import { connect } from '../db/client.ts';
import type { Metrics } from '../http/metrics/metrics.ts';
import { createLog, describeError, errorMessage } from '../lib/log.ts';
import { clientOptions } from './database.ts';
import { runJobs } from './jobs.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { type Listener, openListener } from './listener.ts';
import { type FromWorker, type ToWorker, WORKER_NUMBER } from './messages.ts';
import { createNode } from './node.ts';
import { loadObservers } from './observers.ts';
import { createScrape } from './scrape.ts';

const send = (message: FromWorker): Promise<void> =>
  new Promise((done) => {
    if (!process.send?.(message, undefined, {}, () => done())) done();
  });

/**
 * Runs one of several processes that serve requests on the same port. It follows the messages of the primary process, and
 * ends when that process ends.
 */
export function runWorker(): void {
  const lifecycle = createLifecycle(() => undefined);
  const given = readConfig(process.env);
  const worker = Number(process.env[WORKER_NUMBER]);
  const log = createLog(given.logLevel, { worker });
  process.on('unhandledRejection', (error) => log({ level: 'error', error: describeError(error) }));
  const { scrape, receive } = createScrape((message) => void send(message));
  let listener: Listener | undefined;
  let metrics: Metrics | null = null;

  async function handle(message: ToWorker): Promise<void> {
    if (message.kind === 'listen') {
      listener = await openListener(given, lifecycle);
      return await send({ kind: 'listening', port: listener.port });
    }
    if (message.kind === 'wait') return listener?.waitFor(message.what);
    if (message.kind === 'measure')
      return await send({ kind: 'measured', id: message.id, measurements: (await metrics?.measure()) ?? [] });
    if (message.kind === 'scraped') return receive(message);
    const observers = await loadObservers(given, log, lifecycle, worker);
    metrics = observers.metrics ?? null;
    const app = createWorkerApp(message, lifecycle, log, { ...observers, scrape });
    await runJobs(app, lifecycle, async () => {
      if (listener) listener.serve(app);
      else listener = await openListener(given, lifecycle, app);
    });
    await send({ kind: 'serving' });
  }

  // The primary process reports the error, because all workers usually have the same one.
  const fail = async (error: unknown): Promise<void> => {
    if (lifecycle.isStopping()) return;
    await send({ kind: 'failed', message: errorMessage(error) });
    await lifecycle.exitWithError(error);
  };
  process.on('message', (message: ToWorker) => void handle(message).catch(fail));
  cluster.worker?.on('disconnect', () => process.exit(1));
}

function createWorkerApp(
  { port, databaseUrl, hasDemo }: Extract<ToWorker, { kind: 'serve' }>,
  lifecycle: Lifecycle,
  log: ReturnType<typeof createLog>,
  observers: ObserverOptions,
): App {
  const config = readConfig({ ...process.env, PORT: String(port) });
  const pool = connect(clientOptions(databaseUrl, config, log));
  lifecycle.onStop(() => pool.end());
  return createNode({ pool, config, log, observers, hasDemo }, lifecycle);
}
