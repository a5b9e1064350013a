import { BlockList, isIP } from 'node:net';
import { ConfigError } from '../config.ts';

/** Tells the client's address from the connection's peer and `X-Forwarded-For`. */
export type AddressOf = (peer: string, forwardedFor: string | undefined) => string;

/**
 * Believes `X-Forwarded-For` from trusted proxies only, and of it the last entry that none of them wrote: everything
 * further left is what the client says of itself.
 */
export function createAddressOf(trustedProxies: readonly string[]): AddressOf {
  const isTrusted = createIsTrusted(trustedProxies);
  return (peer, forwardedFor) => {
    const hops = [...(forwardedFor?.split(',').map((hop) => plain(hop.trim())) ?? []), plain(peer)];
    let at = hops.length - 1;
    while (at > 0 && isTrusted(hops[at] ?? '') && isIP(hops[at - 1] ?? '') !== 0) at -= 1;
    return hops[at] ?? 'unknown';
  };
}

/** Tells whether an address is one of the trusted proxies. */
export function createIsTrusted(trustedProxies: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const network of trustedProxies) add(trusted, network);
  return (address) => isIP(plain(address)) !== 0 && trusted.check(plain(address), familyOf(plain(address)));
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** A socket that listens on IPv6 shows IPv4 clients as `::ffff:192.0.2.1`. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

function add(list: BlockList, network: string): void {
  const [address = '', bits] = network.split('/');
  try {
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  } catch {
    throw new ConfigError(
      `TRUSTED_PROXIES: ${JSON.stringify(network)} is no address and no network such as 10.0.0.0/8`,
    );
  }
}
