import { expect, test } from 'vitest';
import { createAddressOf } from '../../src/http/address.ts';

const trusting = createAddressOf(['10.0.0.0/8', '2001:db8::1', '127.0.0.1']);
const trustingNobody = createAddressOf([]);

test.each([
  ['the peer, where no proxy is trusted', trustingNobody, '192.0.2.1', '203.0.113.9', '192.0.2.1'],
  ['the peer, where nothing is forwarded', trusting, '10.1.1.1', undefined, '10.1.1.1'],
  ['what a trusted proxy saw', trusting, '10.1.1.1', '203.0.113.9', '203.0.113.9'],
  [
    'the last that no trusted proxy wrote, not what the client says of itself',
    trusting,
    '10.1.1.1',
    '1.2.3.4, 203.0.113.9, 10.2.2.2',
    '203.0.113.9',
  ],
  ['the peer, where an untrusted peer forwards', trusting, '192.0.2.1', '10.0.0.1', '192.0.2.1'],
  ['the proxy, where it forwards rubbish', trusting, '10.1.1.1', 'unknown, <script>', '10.1.1.1'],
  ['an IPv4 peer on an IPv6 socket', trusting, '::ffff:10.1.1.1', '203.0.113.9', '203.0.113.9'],
  ['the client of an IPv6 proxy', trusting, '2001:db8::1', '2001:db8::2', '2001:db8::2'],
])('the address of a client is %s', (_what, addressOf, peer, forwarded, expected) => {
  expect(addressOf(peer, forwarded)).toBe(expected);
});

test('a network that is none is told at the start', () => {
  expect(() => createAddressOf(['10.0.0.0/99'])).toThrow('TRUSTED_PROXIES: "10.0.0.0/99"');
  expect(() => createAddressOf(['proxy.internal'])).toThrow('TRUSTED_PROXIES');
});
