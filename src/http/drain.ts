import type { Server } from 'node:http';
import net from 'node:net';

/** Milliseconds after which idle connections are closed. Until then their next request is still answered. */
const IDLE = 300;

/**
 * Takes no more connections and resolves when the last one is closed. Each response from now on asks its client to
 * close the connection. What is still open after `graceMs` is cut.
 */
export function drain(server: Server, graceMs: number): Promise<void> {
  server.prependListener('request', (_req, res) => res.setHeader('connection', 'close'));
  // The method of http.Server would cut idle connections at once, under the requests that are on their way.
  const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(server, () => resolve()));
  const closeIdle = setInterval(() => server.closeIdleConnections(), IDLE);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  return closed.finally(() => {
    clearInterval(closeIdle);
    clearTimeout(cut);
  });
}
