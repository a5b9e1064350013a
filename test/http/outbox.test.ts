import { describe, expect, test } from 'vitest';
import { createOutbox, type OutboxOptions } from '../../src/http/outbox.ts';
import { addressOf, open, portOf, serve, until } from './sockets.ts';

const GET = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
/** More than the operating system buffers for a client that does not read. */
const LARGE = 'x'.repeat(30_000_000);

async function sending(options: Partial<OutboxOptions>) {
  const logged: object[] = [];
  const outbox = createOutbox({ writeTimeout: 15_000, responseMemory: 64e6, ...options }, (entry) =>
    logged.push(entry),
  );
  const server = await serve((req, res) => {
    const body = req.url === '/short' ? 'short' : LARGE;
    outbox.send(res, 'the-id', { status: 200, headers: {}, body });
  });
  const isShortServed = async (): Promise<boolean> =>
    (await (await fetch(`${addressOf(server)}/short`)).text()) === 'short';
  return { outbox, logged, server, isShortServed };
}

describe('a client that never reads loses its connection', () => {
  test.each([
    ['after the write timeout', { writeTimeout: 200 }, 'the client reads nothing'],
    ['when responses hold too much memory', { responseMemory: 8_000_000 }, 'too many bytes wait for slow clients'],
  ])('%s, while others are served', async (_when, options, reason) => {
    const { outbox, logged, server, isShortServed } = await sending(options);
    const client = await open(portOf(server), GET, { reads: false });
    await until(() => outbox.held() === LARGE.length);
    expect(await isShortServed()).toBe(true);
    await until(() => outbox.held() === 0);
    expect(logged).toEqual([{ level: 'info', requestId: 'the-id', message: `the response was cut: ${reason}` }]);
    client.socket.resume();
    await until(() => client.isClosed());
  });
});

test('a quick client gets all of a response that alone is above the limit', async () => {
  const { outbox, logged, server } = await sending({ responseMemory: 1_000_000 });
  expect(await (await fetch(addressOf(server))).text()).toBe(LARGE);
  await until(() => outbox.held() === 0);
  expect(logged).toEqual([]);
});

test('a client that goes away gives the memory back', async () => {
  const { outbox, server } = await sending({});
  const client = await open(portOf(server), GET, { reads: false });
  await until(() => outbox.held() === LARGE.length);
  client.socket.destroy();
  await until(() => outbox.held() === 0);
});

test('a long text arrives as it was sent, wherever it is divided', async () => {
  const body = ['', 'a', 'ab'].map((start) => start + '🔐é'.repeat(40_000)).join('\n');
  const outbox = createOutbox({ writeTimeout: 15_000, responseMemory: 64e6 }, () => undefined);
  const server = await serve((_req, res) => outbox.send(res, 'the-id', { status: 200, headers: {}, body }));
  const response = await fetch(addressOf(server));
  expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(body)));
  expect(await response.text()).toBe(body);
});
