import type { Server } from 'node:http';
import { type App, createApp } from './app.ts';
import { banner } from './banner.ts';
import { type Config, readConfig } from './config.ts';
import { assertRuntimeRole, connect, RUNTIME_ROLE } from './db/client.ts';
import { type Embedded, startEmbedded } from './db/embedded.ts';
import { disconnect } from './db/lending.ts';
import { migrateDatabase } from './db/migrate.ts';
import { createDemo } from './demo.ts';
import { createHttpServer } from './http/server.ts';

/** Milliseconds that open requests have to end after a signal to stop. */
const GRACE = 10_000;

const DATABASE = 'ambit';

let embedded: Embedded | undefined;

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
async function startDatabase(config: Config): Promise<string> {
  embedded = await startEmbedded(config.dataDir);
  const [found] = await embedded.sql`select from pg_database where datname = ${DATABASE}`;
  if (!found) await embedded.sql.unsafe(`create database ${DATABASE}`);
  return embedded.url(DATABASE);
}

async function start(): Promise<void> {
  const config = readConfig(process.env);
  let app: App | undefined;
  const server = createHttpServer((req, res) => {
    if (app) app.handler(req, res);
    else res.writeHead(503, { 'retry-after': '1' }).end();
  }, config);
  await listen(server, config);

  const url = config.databaseUrl ?? (await startDatabase(config));
  const hasDemo = embedded !== undefined && !config.production;
  await migrateDatabase(config.migrationUrl ?? url).catch(explainUnreachable);
  if (hasDemo) await createDemo(url);
  const runtimeUrl = (await embedded?.loginUrl(DATABASE, RUNTIME_ROLE)) ?? url;
  const sql = connect({ url: runtimeUrl, pool: config.pool, statementTimeout: config.statementTimeout });
  await assertRuntimeRole(sql);
  app = createApp({ sql, config });

  const stop = async (): Promise<void> => {
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), GRACE).unref();
    await new Promise((done) => (server.listening ? server.once('close', done) : done(null)));
    await disconnect(sql);
    await embedded?.stop();
  };
  // A terminal sends the signal to the whole process group, and who started this may pass it on: it may come twice.
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (!stopping) stop().then(() => process.exit(0), die);
      stopping = true;
    });

  process.stdout.write(banner(config.publicUrl, hasDemo));
}

function explainUnreachable(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  throw new Error(`DATABASE_URL: the database cannot be used: ${message || code}`);
}

async function die(error: unknown): Promise<never> {
  process.stderr.write(`ambit: ${error instanceof Error ? error.message : String(error)}\n`);
  await embedded?.stop().catch(() => undefined);
  process.exit(1);
}

start().catch(die);
