import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Config } from '../config.ts';
import { createIsTrusted } from './address.ts';
import { problem, requestIdOf, send } from './answer.ts';
import { limitConnections } from './connections.ts';
import { oneAtATime } from './pipeline.ts';

export type ServerConfig = Pick<Config, 'connections' | 'keepAliveTimeout' | 'trustedProxies'>;

/** A server whose clients have limits: of connections, of time, and of one request at a time for each connection. */
export function createHttpServer(listener: RequestListener, config: ServerConfig): Server {
  const server = createServer({
    // A client has 30 seconds for its whole request, so slow ones cannot hold connections (slowloris).
    requestTimeout: 30_000,
    headersTimeout: 10_000,
    keepAliveTimeout: config.keepAliveTimeout,
    connectionsCheckingInterval: 2_000,
  });
  const isTrusted = createIsTrusted(config.trustedProxies);
  const isRefused = limitConnections(server, { ...config.connections, isTrusted });
  const serve: RequestListener = (req, res) => (isRefused(req.socket) ? refuse(req, res) : listener(req, res));
  return server.on('request', oneAtATime(serve));
}

/** Reads the body to its end first: a connection that is closed with unread data is reset, and the answer lost. */
function refuse(req: IncomingMessage, res: ServerResponse): void {
  const requestId = requestIdOf(req);
  const message = 'There are too many connections from this address. Close some, or try again later.';
  req.resume().once('end', () => send(res, requestId, problem(503, message, requestId, { connection: 'close' })));
}
