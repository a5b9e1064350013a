import { BlockList, isIP, isIPv6 } from 'node:net';

/** The IPv4 address, or the first 64 bits of the IPv6 address. One customer usually controls a whole /64 network. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = Array(Math.max(8 - groups.length - after.length, 0)).fill('0');
  // Without leading zeros and in lower case, because a proxy may write an address in any form.
  return [...groups, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** An address without a zone, and decimal digits. */
const NETWORK = /^[\da-f:.]+(\/\d{1,3})?$/i;

/** Whether the text is an IP address, or a network in CIDR notation such as `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  if (!NETWORK.test(text)) return false;
  try {
    addNetwork(new BlockList(), text);
    return true;
  } catch {
    return false;
  }
}

/** Returns a function that checks whether an address is in one of the networks. */
export function createNetworkList(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) addNetwork(list, network);
  return (given) => {
    const address = unmapped(given);
    return isIP(address) !== 0 && list.check(address, familyOf(address));
  };
}

/** Whether all addresses of a network are in one of the others. */
export function isWithinNetworks(network: string, others: readonly string[]): boolean {
  const address = network.split('/')[0] ?? '';
  return others.some((other) => {
    const isSameFamily = isIP(address) === isIP(other.split('/')[0] ?? '');
    return isSameFamily && bitsOf(other) <= bitsOf(network) && createNetworkList([other])(address);
  });
}

/** The length of the prefix. That of an address is the length of the address. */
const bitsOf = (network: string): number => Number(network.split('/')[1] ?? (isIPv6(network) ? 128 : 32));

/** The IPv4 address of an IPv4-mapped one. An IPv6 socket reports an IPv4 client as `::ffff:192.0.2.1`. */
export const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/** Adds an IP address or a network to the list. Throws an error if it is neither. */
function addNetwork(list: BlockList, network: string): void {
  const [address = '', bits] = network.split('/');
  if (bits === undefined) list.addAddress(address, familyOf(address));
  else list.addSubnet(address, Number(bits || Number.NaN), familyOf(address));
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
