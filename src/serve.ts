import { createServer, type Server } from 'node:http';
import { type App, createApp } from './app.ts';
import { banner } from './banner.ts';
import { type Config, readConfig } from './config.ts';
import { assertUsable, type ClientOptions, connect, RUNTIME_ROLE } from './db/client.ts';
import { type Embedded, startEmbedded } from './db/embedded.ts';
import { migrateDatabase, PoolerError } from './db/migrate.ts';
import { createDemo } from './demo.ts';
import { unavailable } from './errors.ts';
import { drain } from './http/drain.ts';
import { createLog, type Log } from './log.ts';

/** Milliseconds that requests have to end after a signal to stop, and milliseconds for their answers. */
const GRACE = { work: 9_000, answer: 1_000 };

const DATABASE = 'ambit';

let embedded: Embedded | undefined;

/** Set while the embedded server starts and afterwards. */
let starting: Promise<Embedded> | undefined;

let isStopping = false;

/** Aborted by a signal to stop. */
const interrupted = new AbortController();

/** Listens first, so that a taken port is told before a database is started. */
function listen(server: Server, { host, port }: Config): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'EADDRINUSE'
          ? new Error(`PORT: ${port} on ${host} is taken by another process; set PORT to a free one`)
          : error,
      ),
    );
    server.listen(port, host, done);
  });
}

/** The address of the embedded server's database, made when it is not there yet. */
async function startDatabase(config: Config, log: Log): Promise<string> {
  const options = { log, onFailure: die, signal: interrupted.signal };
  starting = startEmbedded(config.dataDir, {}, options);
  embedded = await starting;
  const [found] = await embedded.sql`select from pg_database where datname = ${DATABASE}`;
  if (!found) await embedded.sql.unsafe(`create database ${DATABASE}`);
  return embedded.url(DATABASE);
}

/** What a signal does. Until requests are served, only the embedded server has to be stopped. */
let stop = async (): Promise<void> => {
  interrupted.abort();
  await starting?.then(
    (server) => server.stop(),
    () => undefined,
  );
};

// A terminal sends the signal to the whole process group, and who started this may pass it on: it may come twice.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (!isStopping) stop().then(() => process.exit(0), die);
    isStopping = true;
  });

async function start(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel);
  let app: App | undefined;
  const server = createServer((req, res) => {
    if (app) app.handler(req, res);
    else res.writeHead(503, { 'retry-after': '1' }).end();
  });
  // A client has 30 seconds for its whole request, so slow ones cannot hold connections (slowloris).
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  await listen(server, config);

  const url = config.databaseUrl ?? (await startDatabase(config, log));
  const hasDemo = embedded !== undefined && !config.production;
  await migrateDatabase(config.migrationUrl ?? url, { log }).catch((error: unknown) =>
    explainUnreachable(error, config),
  );
  if (hasDemo) await createDemo(url);
  const runtimeUrl = (await embedded?.loginUrl(DATABASE, RUNTIME_ROLE)) ?? url;
  const database: ClientOptions = {
    url: runtimeUrl,
    pool: config.pool,
    statementTimeout: config.statementTimeout,
    lockTimeout: config.databaseLockMs,
    waitMs: config.databaseWaitMs,
    requestTimeout: config.requestTimeoutMs,
    pooler: config.pooler === 'transaction',
    log,
    ...(config.logSql && { onStatement: (sql: string) => log({ message: 'statement', sql }) }),
  };
  await assertUsable(database).catch(explainUnreachable);
  const pool = connect(database);
  app = createApp({ pool, config, log });

  stop = async (): Promise<void> => {
    const stopRequests = () => app?.stopRequests(unavailable('The server is stopping. Try again.'));
    const stopping = setTimeout(stopRequests, GRACE.work);
    await drain(server, GRACE.work + GRACE.answer);
    clearTimeout(stopping);
    await pool.end();
    await embedded?.stop();
  };

  process.stdout.write(banner(config.publicUrl, hasDemo));
}

function explainUnreachable(error: unknown, { databaseUrl, migrationUrl }: Config): never {
  const name = migrationUrl === databaseUrl ? 'DATABASE_URL' : 'MIGRATION_DATABASE_URL';
  const { code, message } = error as { code?: string; message: string };
  if (!(error instanceof PoolerError)) throw new Error(`${name}: the database cannot be used: ${message || code}`);
  const advice =
    name === 'DATABASE_URL'
      ? 'set DATABASE_POOLER=transaction and MIGRATION_DATABASE_URL (see README)'
      : 'it must lead to PostgreSQL itself (see README)';
  throw new Error(`${name}: ${message}; ${advice}`);
}

async function die(error: unknown): Promise<never> {
  process.stderr.write(`ambit: ${error instanceof Error ? error.message : String(error)}\n`);
  await embedded?.stop().catch(() => undefined);
  process.exit(1);
}

start().catch((error) => (isStopping ? undefined : die(error)));
