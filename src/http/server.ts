import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Config } from '../config.ts';
import { createNetworkList } from '../lib/network.ts';
import { limitConnections } from './connections.ts';
import { serializeRequests } from './pipeline.ts';
import { errorResponse, requestIdOf, send } from './response.ts';

export type ServerConfig = Pick<Config, 'connections' | 'keepAliveTimeout' | 'trustedProxies'>;

/**
 * Creates a server that limits the connections and the time of its clients, and runs one request per connection at a
 * time.
 */
export function createHttpServer(listener: RequestListener, config: ServerConfig): Server {
  const server = createServer({
    // A client has 30 seconds for its whole request, so slow ones cannot hold connections (slowloris).
    requestTimeout: 30_000,
    headersTimeout: 10_000,
    keepAliveTimeout: config.keepAliveTimeout,
    connectionsCheckingInterval: 2_000,
  });
  const isTrusted = createNetworkList(config.trustedProxies);
  const isRefused = limitConnections(server, { ...config.connections, isTrusted });
  const serve: RequestListener = (req, res) => (isRefused(req.socket) ? refuse(req, res) : listener(req, res));
  return server.on('request', serializeRequests(serve));
}

/** Reads the whole body first. If a connection is closed with unread data, it is reset and the response is lost. */
function refuse(req: IncomingMessage, res: ServerResponse): void {
  const requestId = requestIdOf(req);
  const message = 'There are too many connections from this address. Close some, or try again later.';
  req.resume().once('end', () => send(res, requestId, errorResponse(503, message, requestId, { connection: 'close' })));
}
