import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Config } from '../config.ts';
import { createNetworkList } from '../lib/network.ts';
import { limitConnections } from './connections.ts';
import { serializeRequests } from './pipeline.ts';
import { errorResponse, requestIdOf, send } from './response.ts';
import { isUploading } from './upload.ts';

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
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseClient(error, socket));
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

const STATUS_LINES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** As Node does it, but an upload may take longer than other requests. It has a limit for the time without data. */
function refuseClient({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT' && isUploading(socket)) return;
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse };
  if (socket.writable && !response?.headersSent)
    socket.write(`HTTP/1.1 ${STATUS_LINES[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`);
  socket.destroy();
}
