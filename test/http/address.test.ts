import { expect, test } from 'vitest';
import { createAddressOf } from '../../src/http/address.ts';

const trusting = createAddressOf(['10.0.0.0/8', '2001:db8::1', '127.0.0.1']);
const trustingNobody = createAddressOf([]);

test.each([
  ['the peer, if no proxy is trusted', trustingNobody, '192.0.2.1', '203.0.113.9', '192.0.2.1'],
  ['the peer, if the header is missing', trusting, '10.1.1.1', undefined, '10.1.1.1'],
  ['the address that a trusted proxy forwards', trusting, '10.1.1.1', '203.0.113.9', '203.0.113.9'],
  [
    'the last address that is not a trusted proxy, so that a client cannot forge its address',
    trusting,
    '10.1.1.1',
    '1.2.3.4, 203.0.113.9, 10.2.2.2',
    '203.0.113.9',
  ],
  ['the peer, if the peer is not a trusted proxy', trusting, '192.0.2.1', '10.0.0.1', '192.0.2.1'],
  ['the proxy, if it forwards an invalid address', trusting, '10.1.1.1', 'unknown, <script>', '10.1.1.1'],
  ['an IPv4 peer on an IPv6 socket', trusting, '::ffff:10.1.1.1', '203.0.113.9', '203.0.113.9'],
  ['the client of an IPv6 proxy', trusting, '2001:db8::1', '2001:db8::2', '2001:db8::2'],
])('the address of a client is %s', (_what, addressOf, peer, forwarded, expected) => {
  expect(addressOf(peer, forwarded)).toBe(expected);
});
