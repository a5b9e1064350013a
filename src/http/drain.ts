import type { Server } from 'node:http';
import net from 'node:net';

/** Milliseconds after which idle connections are closed. Until then their next request is still answered. */
const IDLE = 500;

/**
 * Accepts no more connections and resolves when the last one is closed. Each response from now on asks its client to
 * close the connection. Connections that are still open after `graceMs` are closed.
 */
export function drain(server: Server, graceMs: number): Promise<void> {
  server.prependListener('request', (_req, res) => res.setHeader('connection', 'close'));
  // http.Server's own method closes idle connections immediately, and would lose requests that are in transit.
  const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(server, () => resolve()));
  // After the pending reads, because a connection is not idle when its next request has arrived.
  const closeIdle = setInterval(() => setImmediate(() => server.closeIdleConnections()), IDLE);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  return closed.finally(() => {
    clearInterval(closeIdle);
    clearTimeout(cut);
  });
}
