import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from '../lib/network.ts';

export interface ConnectionLimits {
  /** Maximum number of open connections. */
  total: number;
  /** Maximum number of connections from one address whose requests are served. */
  perAddress: number;
  /** Whether the address is a trusted proxy, which many clients share. */
  isTrusted: (address: string) => boolean;
}

/** Whether requests on this connection are refused. */
export type IsRefused = (socket: Socket) => boolean;

/**
 * Counts the open connections of each address. A connection above the limit stays open until its first request, so that
 * the client gets a 503 response instead of a reset. One address gets at most half of all connections, which leaves the
 * other half for other clients.
 */
export function limitConnections(server: Server, { total, perAddress, isTrusted }: ConnectionLimits): IsRefused {
  const open = new Map<string, number>();
  const refused = new WeakSet<Socket>();
  server.maxConnections = total;

  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || isTrusted(remoteAddress)) return;
    const network = networkOf(remoteAddress);
    const count = (open.get(network) ?? 0) + 1;
    open.set(network, count);
    socket.once('close', () => {
      const left = (open.get(network) ?? 0) - 1;
      if (left > 0) open.set(network, left);
      else open.delete(network);
    });
    if (count > Math.max(perAddress, total / 2)) socket.destroy();
    else if (count > perAddress) refused.add(socket);
  });
  return (socket) => refused.has(socket);
}
