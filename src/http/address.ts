import { isIP } from 'node:net';
import { createNetworkList, unmapped } from '../lib/network.ts';

/** Returns the client's address, from the connection's peer and `X-Forwarded-For`. */
export type AddressOf = (peer: string, forwardedFor: string | undefined) => string;

/**
 * Uses `X-Forwarded-For` from trusted proxies only. The client's address is the last entry that is not a trusted proxy.
 * The client may have written all entries before it.
 */
export function createAddressOf(trustedProxies: readonly string[]): AddressOf {
  const isTrusted = createNetworkList(trustedProxies);
  return (peer, forwardedFor) => {
    const hops = [...(forwardedFor?.split(',').map((hop) => unmapped(hop.trim())) ?? []), unmapped(peer)];
    let at = hops.length - 1;
    while (at > 0 && isTrusted(hops[at] ?? '') && isIP(hops[at - 1] ?? '') !== 0) at -= 1;
    return hops[at] ?? 'unknown';
  };
}
