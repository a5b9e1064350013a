import { describe, expect, test } from 'vitest';
import { networkOf } from '../../src/lib/network.ts';
import { until } from '../support/until.ts';
import { addressOf, type Client, open, portOf, requestOf, serve } from './sockets.ts';

const LIMITED = { connections: { total: 100, perAddress: 3 } };
const MANY = 6;

const answering = (limits: object) => serve((_req, res) => res.end('served'), limits);

const openMany = (port: number): Promise<Client[]> => Promise.all(Array.from({ length: MANY }, () => open(port)));

describe('connections from one address have a limit', () => {
  test('connections above the limit get 503, and the others are served', async () => {
    const server = await answering(LIMITED);
    const clients = await openMany(portOf(server));
    for (const { socket } of clients) socket.write(requestOf('x'.repeat(90_000)));
    await until(() => clients.every((client) => client.text().length > 0));
    const refused = clients.filter((client) => client.text().startsWith('HTTP/1.1 503'));
    expect(clients.filter((client) => client.text().endsWith('served'))).toHaveLength(3);
    expect(refused).toHaveLength(3);
    await until(() => refused.every((client) => client.isClosed()));
    for (const client of refused) {
      const [head = '', body = ''] = client.text().split('\r\n\r\n');
      expect(head.toLowerCase()).toContain('retry-after: 1');
      expect(JSON.parse(body)).toEqual({
        errors: [{ message: expect.any(String), extensions: { code: 'UNAVAILABLE', requestId: expect.any(String) } }],
      });
    }
  });

  test('a closed connection makes room for another one', async () => {
    const server = await answering(LIMITED);
    for (const { socket } of await openMany(portOf(server))) socket.destroy();
    await until(async () => (await fetch(addressOf(server))).status === 200);
  });

  test('the limit does not apply to a trusted proxy, because many clients share its address', async () => {
    const server = await answering({ ...LIMITED, trustedProxies: ['127.0.0.0/8'] });
    const clients = await openMany(portOf(server));
    for (const { socket } of clients) socket.write(requestOf('{}'));
    await until(() => clients.every((client) => client.text().endsWith('served')));
  });

  test('one address uses at most half of all connections', async () => {
    const server = await answering({ connections: { total: 8, perAddress: 1 } });
    const clients = await openMany(portOf(server));
    await until(() => clients.filter((client) => client.isClosed()).length === 2);
  });
});

test('an idle connection is closed', async () => {
  const server = await answering({ keepAliveTimeout: 50 });
  const client = await open(portOf(server), requestOf('{}'));
  await until(() => client.isClosed());
  expect(client.text()).toContain('served');
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['2001:0DB8:0000:0001::6', '2001:db8:0:1'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('connections from %s are counted for %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

describe('requests of one connection', () => {
  test('are handled one at a time, in their order', async () => {
    let running = 0;
    let most = 0;
    const server = await serve((req, res) => {
      running += 1;
      most = Math.max(most, running);
      setImmediate(() => {
        running -= 1;
        res.end(req.url);
      });
    });
    const paths = ['/a', '/b', '/c', '/d'];
    const client = await open(portOf(server), paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''));
    await until(() => client.text().includes('/d'));
    expect(client.text().match(/\/[abcd]/g)).toEqual(paths);
    expect(most).toBe(1);
  });

  test('are limited: the connection is closed when the client sends too many ahead', async () => {
    let handled = 0;
    const server = await serve((_req, res) => {
      handled += 1;
      setTimeout(() => res.end(), 1_000).unref();
    });
    const client = await open(portOf(server), 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1_000));
    await until(() => client.isClosed());
    expect(handled).toBe(1);
  });

  test('keep only one response in memory when the client does not read', async () => {
    let handled = 0;
    const server = await serve((_req, res) => {
      handled += 1;
      res.end('x'.repeat(12_000_000));
    });
    const client = await open(portOf(server), 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(5), { reads: false });
    await until(() => handled === 1);
    await fetch(addressOf(server)).then((response) => response.text());
    expect(handled).toBe(2);
    client.socket.resume();
    await until(() => handled === 6);
  });
});
