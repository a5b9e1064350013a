import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type App, createApp } from '../app.ts';
import { type Config, readConfig } from '../config.ts';
import { connect, drizzleOn } from '../db/client.ts';
import type { Embedded } from '../db/embedded.ts';
import { drain } from '../http/drain.ts';
import { notServing } from '../http/health.ts';
import { requestIdOf, send } from '../http/response.ts';
import { createHttpServer } from '../http/server.ts';
import { createSetupSecret } from '../identity/setup-secret.ts';
import { unavailable } from '../lib/errors.ts';
import { createLog, describeError, errorLines, type Log } from '../lib/log.ts';
import { banner } from './banner.ts';
import { migrate, ownerUrl, runtimeOptions, startDatabase } from './database.ts';
import { createDemo, demoSignIns, refuseDemo } from './demo.ts';

/** Milliseconds that requests have to end after a signal to stop, and milliseconds for sending their responses. */
const GRACE = { work: 9_000, responses: 1_000 };

/** Maximum number of connections in the operating system's accept queue. */
const BACKLOG = 4_096;

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

/** The problem in one line, with the variable to change. */
function listenProblem({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === 'EADDRINUSE') return `PORT: ${port} on ${host} is in use by another process; set PORT to a free port`;
  if (code === 'EACCES') return `PORT: this process may not listen on ${port}; set PORT to 1024 or higher`;
  return `HOST: cannot listen on ${JSON.stringify(host)} (${code ?? message}); set HOST to an address of this machine, or to 0.0.0.0 for all`;
}

/** Called before the database is started, so that a port in use is reported immediately. */
function listen(server: Server, { host, port }: Config): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => fail(new Error(listenProblem(error, host, port))));
    server.listen({ port, host, backlog: BACKLOG }, done);
  });
}

/** Starts the embedded server. A signal to stop interrupts the start. */
async function startStoppable(config: Config, log: Log): Promise<Embedded> {
  const interrupted = new AbortController();
  const starting = startDatabase(config, { log, onFailure: exitWithError, signal: interrupted.signal });
  shutdownSteps.push(() => {
    interrupted.abort();
    return starting.then(
      (server) => server.stop(),
      () => undefined,
    );
  });
  return await starting;
}

async function start(): Promise<void> {
  const given = readConfig(process.env);
  const log = createLog(given.logLevel);
  // Requests are independent of each other, so a bug in one must not end the others.
  process.on('unhandledRejection', (error) => log({ level: 'error', error: describeError(error) }));
  let app: App | undefined;
  let waitingFor = 'the database';
  const listener: RequestListener = (req, res) => {
    const isNotReady = isStopping && req.url === '/health/ready';
    if (app && !isNotReady) return app.handler(req, res);
    send(res, requestIdOf(req), notServing(req, isStopping ? 'stopping' : 'starting', waitingFor));
  };
  const server = createHttpServer(listener, given);
  await listen(server, given);
  const { port } = server.address() as AddressInfo;
  // With PORT=0 the operating system chooses the port.
  const config = readConfig({ ...process.env, PORT: String(port) });

  const embedded = config.databaseUrl ? undefined : await startStoppable(config, log);
  const hasDemo = embedded !== undefined && !config.production;
  waitingFor = 'the migration of the database';
  await migrate(config, embedded, log);
  if (hasDemo) await createDemo(ownerUrl(config, embedded));
  const pool = connect(await runtimeOptions(config, embedded, log));
  shutdownSteps.push(() => pool.end());
  const db = drizzleOn(pool.sql);
  if (config.production) await refuseDemo(db);
  const setupSecret = config.signUp === 'invited' ? await createSetupSecret(db) : null;
  app = createApp({ pool, config, log, demo: hasDemo ? demoSignIns() : null });
  waitingFor = 'the end of the requests in progress';
  shutdownSteps.push(() => endRequests(server, app as App));
  process.stdout.write(banner(config, { hasDemo, setupSecret }));
}

async function endRequests(server: Server, app: App): Promise<void> {
  const deadline = setTimeout(() => app.stopRequests(unavailable('The server is stopping. Try again.')), GRACE.work);
  await drain(server, GRACE.work + GRACE.responses);
  clearTimeout(deadline);
}

/** Prints the error, stops what was started, and exits. */
async function exitWithError(error: unknown): Promise<never> {
  process.stderr.write(errorLines(error));
  await stop().catch(() => undefined);
  process.exit(1);
}

start().catch((error) => (isStopping ? undefined : exitWithError(error)));
