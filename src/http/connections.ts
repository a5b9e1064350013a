import type { Server } from 'node:http';
import { isIPv6, type Socket } from 'node:net';

export interface ConnectionLimits {
  /** Open connections in all. */
  total: number;
  /** Of these, connections from one address that are served. */
  perAddress: number;
  /** Whether many clients share this address. */
  isTrusted: (address: string) => boolean;
}

/** Whether requests of this connection are refused. */
export type IsRefused = (socket: Socket) => boolean;

/**
 * Counts the open connections of each address. Those above the limit are refused with a response, not a reset, so they
 * stay open until their first request. To leave room for others, an address gets at most half of all connections.
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

/** The address; of IPv6 the first 64 bits, because a single customer has as many addresses as the rest can tell. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = Array(Math.max(8 - groups.length - after.length, 0)).fill('0');
  return [...groups, ...zeros, ...after].slice(0, 4).join(':');
}
