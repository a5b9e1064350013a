import { BlockList, isIP } from 'node:net';
import { addNetwork, familyOf } from '../lib/network.ts';

/** Returns the client's address, from the connection's peer and `X-Forwarded-For`. */
export type AddressOf = (peer: string, forwardedFor: string | undefined) => string;

/**
 * Uses `X-Forwarded-For` from trusted proxies only. The client's address is the last entry that is not a trusted proxy.
 * The client may have written all entries before it.
 */
export function createAddressOf(trustedProxies: readonly string[]): AddressOf {
  const isTrusted = createIsTrusted(trustedProxies);
  return (peer, forwardedFor) => {
    const hops = [...(forwardedFor?.split(',').map((hop) => unmapped(hop.trim())) ?? []), unmapped(peer)];
    let at = hops.length - 1;
    while (at > 0 && isTrusted(hops[at] ?? '') && isIP(hops[at - 1] ?? '') !== 0) at -= 1;
    return hops[at] ?? 'unknown';
  };
}

/** Returns a function that checks whether an address is a trusted proxy. */
export function createIsTrusted(trustedProxies: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const network of trustedProxies) addNetwork(trusted, network);
  return (given) => {
    const address = unmapped(given);
    return isIP(address) !== 0 && trusted.check(address, familyOf(address));
  };
}

/** The IPv4 address of an IPv4-mapped one. An IPv6 socket reports an IPv4 client as `::ffff:192.0.2.1`. */
const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');
