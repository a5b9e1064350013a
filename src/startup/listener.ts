import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { App } from '../app.ts';
import type { Config } from '../config.ts';
import { drain } from '../http/drain.ts';
import { notServing } from '../http/health.ts';
import { requestIdOf, send } from '../http/response.ts';
import { createHttpServer } from '../http/server.ts';
import { unavailable } from '../lib/errors.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Milliseconds that requests have to end after a signal to stop, and milliseconds for sending their responses. */
export const GRACE = { work: 9_000, responses: 1_000 };

/** Maximum number of connections in the operating system's accept queue. */
const BACKLOG = 4_096;

/** A server that listens. Until `serve` is called, its responses say what it waits for. */
export interface Listener {
  /** With PORT=0 the one that the operating system has chosen. */
  port: number;
  waitFor(what: string): void;
  serve(app: App): void;
}

/** The problem in one line, with the variable to change. */
function listenProblem({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === 'EADDRINUSE') return `PORT: ${port} on ${host} is in use by another process; set PORT to a free port`;
  if (code === 'EACCES') return `PORT: this process may not listen on ${port}; set PORT to 1024 or higher`;
  return `HOST: cannot listen on ${JSON.stringify(host)} (${code ?? message}); set HOST to an address of this machine, or to 0.0.0.0 for all`;
}

function listen(server: Server, { host, port }: Config): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => fail(new Error(listenProblem(error, host, port))));
    server.listen({ port, host, backlog: BACKLOG }, done);
  });
}

/**
 * Listens before the database is started, so that a port in use is reported immediately. A signal to stop ends the
 * requests of the app.
 */
export async function openListener(config: Config, lifecycle: Lifecycle, ready?: App): Promise<Listener> {
  let app: App | undefined;
  let waitingFor = 'the database';
  const listener: RequestListener = (req, res) => {
    const isNotReady = lifecycle.isStopping() && req.url === '/health/ready';
    if (app && !isNotReady) return app.handler(req, res);
    send(res, requestIdOf(req), notServing(req, lifecycle.isStopping() ? 'stopping' : 'starting', waitingFor));
  };
  const server = createHttpServer(listener, config);
  const serve = (started: App): void => {
    app = started;
    waitingFor = 'the end of the requests in progress';
    lifecycle.onStop(() => endRequests(server, started));
  };
  if (ready) serve(ready);
  await listen(server, config);
  return {
    port: (server.address() as AddressInfo).port,
    waitFor(what) {
      waitingFor = what;
    },
    serve,
  };
}

async function endRequests(server: Server, app: App): Promise<void> {
  const deadline = setTimeout(() => app.stopRequests(unavailable('The server is stopping. Try again.')), GRACE.work);
  await drain(server, GRACE.work + GRACE.responses);
  clearTimeout(deadline);
}
