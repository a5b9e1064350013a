import { describe, expect, test } from 'vitest';
import { createResponseWriter, type ResponseWriterOptions } from '../../src/http/response-writer.ts';
import { until } from '../support/until.ts';
import { addressOf, open, portOf, serve } from './sockets.ts';

const GET = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
/** More than the operating system buffers for a client that does not read. */
const LARGE = 'x'.repeat(30_000_000);

async function startWriter(options: Partial<ResponseWriterOptions>) {
  const logged: object[] = [];
  const writer = createResponseWriter({ writeTimeout: 15_000, responseMemory: 64e6, ...options }, (entry) =>
    logged.push(entry),
  );
  const server = await serve((req, res) => {
    const body = req.url === '/short' ? 'short' : LARGE;
    writer.send(res, 'the-id', { status: 200, headers: {}, body });
  });
  const isShortServed = async (): Promise<boolean> =>
    (await (await fetch(`${addressOf(server)}/short`)).text()) === 'short';
  return { writer, logged, server, isShortServed };
}

describe('the connection of a client that never reads is closed', () => {
  test.each([
    ['after the write timeout', { writeTimeout: 200 }, 'the client reads nothing'],
    ['when responses hold too much memory', { responseMemory: 8_000_000 }, 'too much memory is used for slow clients'],
  ])('%s, while others are served', async (_when, options, reason) => {
    const { writer, logged, server, isShortServed } = await startWriter(options);
    const client = await open(portOf(server), GET, { reads: false });
    await until(() => writer.held() === LARGE.length);
    expect(await isShortServed()).toBe(true);
    await until(() => writer.held() === 0);
    expect(logged).toEqual([{ level: 'info', requestId: 'the-id', message: `response aborted: ${reason}` }]);
    client.socket.resume();
    await until(() => client.isClosed());
  });
});

test('a quick client gets the whole response even if that response alone is above the limit', async () => {
  const { writer, logged, server } = await startWriter({ responseMemory: 1_000_000 });
  expect(await (await fetch(addressOf(server))).text()).toBe(LARGE);
  await until(() => writer.held() === 0);
  expect(logged).toEqual([]);
});

test('the memory of a response is released when its client disconnects', async () => {
  const { writer, server } = await startWriter({});
  const client = await open(portOf(server), GET, { reads: false });
  await until(() => writer.held() === LARGE.length);
  client.socket.destroy();
  await until(() => writer.held() === 0);
});

test('a large response with multi-byte characters arrives unchanged', async () => {
  const body = ['', 'a', 'ab'].map((start) => start + '🔐é'.repeat(40_000)).join('\n');
  const writer = createResponseWriter({ writeTimeout: 15_000, responseMemory: 64e6 }, () => undefined);
  const server = await serve((_req, res) => writer.send(res, 'the-id', { status: 200, headers: {}, body }));
  const response = await fetch(addressOf(server));
  expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(body)));
  expect(await response.text()).toBe(body);
});
