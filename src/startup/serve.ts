import type { RequestListener, Server } from 'node:http';
import { type App, createApp } from '../app.ts';
import { type Config, readConfig } from '../config.ts';
import { assertUsable, type ClientOptions, connect, RUNTIME_ROLE } from '../db/client.ts';
import { type Embedded, startEmbedded } from '../db/embedded.ts';
import { migrateDatabase } from '../db/migrate.ts';
import { PoolerError } from '../db/pooler.ts';
import { drain } from '../http/drain.ts';
import { notServing } from '../http/health.ts';
import { requestIdOf, send } from '../http/response.ts';
import { createHttpServer } from '../http/server.ts';
import { unavailable } from '../lib/errors.ts';
import { createLog, describeError, type Log } from '../lib/log.ts';
import { banner } from './banner.ts';
import { createDemo, demoSignIns } from './demo.ts';

/** Milliseconds that requests have to end after a signal to stop, and milliseconds for sending their responses. */
const GRACE = { work: 9_000, responses: 1_000 };

/** Maximum number of connections in the operating system's accept queue. */
const BACKLOG = 4_096;

const DATABASE = 'ambit';

/** Steps that run after a signal to stop, in reverse order. */
const shutdownSteps: (() => Promise<unknown>)[] = [];

let isStopping = false;

// The signal may arrive twice: a terminal sends it to the whole process group, and the parent process may forward it.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (!isStopping) stop().then(() => process.exit(0), exitWithError);
    isStopping = true;
  });

async function stop(): Promise<void> {
  for (let end = shutdownSteps.pop(); end; end = shutdownSteps.pop()) await end();
}

/** Called before the database is started, so that a port in use is reported immediately. */
function listen(server: Server, { host, port }: Config): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'EADDRINUSE'
          ? new Error(`PORT: ${port} on ${host} is in use by another process; set PORT to a free port`)
          : error,
      ),
    );
    server.listen({ port, host, backlog: BACKLOG }, done);
  });
}

/** Starts the embedded server and creates its database if it does not exist. */
async function startDatabase(config: Config, log: Log): Promise<Embedded> {
  const interrupted = new AbortController();
  const starting = startEmbedded(config.dataDir, {}, { log, onFailure: exitWithError, signal: interrupted.signal });
  shutdownSteps.push(() => {
    interrupted.abort();
    return starting.then(
      (server) => server.stop(),
      () => undefined,
    );
  });
  const embedded = await starting;
  const [existing] = await embedded.sql`select from pg_database where datname = ${DATABASE}`;
  if (!existing) await embedded.sql.unsafe(`create database ${DATABASE}`);
  return embedded;
}

async function start(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel);
  // Requests are independent of each other, so a bug in one must not end the others.
  process.on('unhandledRejection', (error) => log({ level: 'error', error: describeError(error) }));
  let app: App | undefined;
  let waitingFor = 'the database';
  const listener: RequestListener = (req, res) => {
    const isNotReady = isStopping && req.url === '/health/ready';
    if (app && !isNotReady) return app.handler(req, res);
    send(res, requestIdOf(req), notServing(req, isStopping ? 'stopping' : 'starting', waitingFor));
  };
  const server = createHttpServer(listener, config);
  await listen(server, config);

  const embedded = config.databaseUrl ? undefined : await startDatabase(config, log);
  const url = config.databaseUrl ?? (embedded as Embedded).url(DATABASE);
  const hasDemo = embedded !== undefined && !config.production;
  waitingFor = 'the migration of the database';
  await migrateDatabase(config.migrationUrl ?? url, { log }).catch((error: unknown) =>
    throwWithVariable(error, config.migrationUrl === config.databaseUrl ? 'DATABASE_URL' : 'MIGRATION_DATABASE_URL'),
  );
  if (hasDemo) await createDemo(url);
  const runtimeUrl = (await embedded?.loginUrl(DATABASE, RUNTIME_ROLE)) ?? url;
  const database = clientOptions(runtimeUrl, config, log);
  await assertUsable(database).catch((error: unknown) => throwWithVariable(error, 'DATABASE_URL'));
  const pool = connect(database);
  shutdownSteps.push(() => pool.end());
  app = createApp({ pool, config, log, demo: hasDemo ? demoSignIns() : null });
  waitingFor = 'the end of the requests in progress';
  shutdownSteps.push(() => endRequests(server, app as App));
  process.stdout.write(banner(config.publicUrl, hasDemo));
}

const clientOptions = (url: string, config: Config, log: Log): ClientOptions => ({
  url,
  log,
  pool: config.pool,
  pooler: config.pooler === 'transaction',
  statementTimeout: config.statementTimeout,
  lockTimeout: config.databaseLockMs,
  waitMs: config.databaseWaitMs,
  requestTimeout: config.requestTimeoutMs,
  ...(config.logSql && { onStatement: (sql: string) => log({ message: 'statement', sql }) }),
});

async function endRequests(server: Server, app: App): Promise<void> {
  const deadline = setTimeout(() => app.stopRequests(unavailable('The server is stopping. Try again.')), GRACE.work);
  await drain(server, GRACE.work + GRACE.responses);
  clearTimeout(deadline);
}

/** Throws an error whose message is one line, with the variable to change. */
function throwWithVariable(error: unknown, variable: 'DATABASE_URL' | 'MIGRATION_DATABASE_URL'): never {
  const { code, message } = error as { code?: string; message: string };
  if (!(error instanceof PoolerError)) throw new Error(`${variable}: the database cannot be used: ${message || code}`);
  const advice =
    variable === 'DATABASE_URL'
      ? 'set DATABASE_POOLER=transaction and MIGRATION_DATABASE_URL (see README)'
      : 'it must connect directly to PostgreSQL (see README)';
  throw new Error(`${variable}: ${message}; ${advice}`);
}

/** Prints the error, stops what was started, and exits. */
async function exitWithError(error: unknown): Promise<never> {
  process.stderr.write(`ambit: ${error instanceof Error ? error.message : String(error)}\n`);
  await stop().catch(() => undefined);
  process.exit(1);
}

start().catch((error) => (isStopping ? undefined : exitWithError(error)));
