import { describe, expect, test } from 'vitest';
import { createHandler } from '../../src/http/handler.ts';
import { type Admission, createRequestMemory, REQUEST_COST } from '../../src/http/memory.ts';
import type { Graphql } from '../../src/http/yoga.ts';
import { startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { addressOf, type Client, open, portOf, requestOf, serve } from './sockets.ts';

const api = await startApi();
const QUERY = JSON.stringify({ query: '{ __typename }' });
const HALF = requestOf('x'.repeat(20_000)).slice(0, -10_000);

/** The handler with room for `requests`, whose operations run until `finish` is called. */
async function limited(requests: number, body = '{}') {
  const memory = createRequestMemory(requests * (REQUEST_COST + 3_000));
  const running: (() => void)[] = [];
  const fastPath = async () => {
    await new Promise<void>((done) => running.push(done));
    return { status: 200, headers: {}, body };
  };
  const server = await serve(createHandler({} as Graphql, api.app.dependencies, { fastPath, memory }));
  const ask = () => fetch(`${addressOf(server)}/graphql`, { method: 'POST', headers: JSON_TYPE, body: QUERY });
  const finish = () => {
    for (const done of running.splice(0)) done();
  };
  return { memory, running, server, ask, finish };
}
const JSON_TYPE = { 'content-type': 'application/json' };

describe('requests above the memory for requests', () => {
  test('get 503 with Retry-After, and later requests are served when the others have ended', async () => {
    const { memory, running, ask, finish } = await limited(2);
    const first = [ask(), ask()];
    await until(() => running.length === 2);
    const refused = await ask();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toEqual({
      errors: [
        {
          message: 'The server has too many requests in progress. Try again later.',
          extensions: { code: 'UNAVAILABLE', requestId: refused.headers.get('x-request-id') },
        },
      ],
    });
    finish();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    expect(memory.held()).toBe(0);
    const later = ask();
    await until(() => running.length === 1);
    finish();
    expect((await later).status).toBe(200);
  });

  test('are counted by the size of their bodies', async () => {
    const { running, server, ask, finish } = await limited(3);
    const large = await open(portOf(server), requestOf(`{"a":"${'x'.repeat(22_000)}"}`));
    await until(() => running.length === 1);
    expect((await ask()).status).toBe(503);
    finish();
    await until(() => large.text().startsWith('HTTP/1.1 200'));
  });

  test('do not include the liveness check', async () => {
    const { running, server, ask, finish } = await limited(1);
    const first = ask();
    await until(() => running.length === 1);
    expect((await fetch(`${addressOf(server)}/health/live`)).status).toBe(200);
    finish();
    await first;
  });
});

test('the oldest of the slow request bodies is refused, and quick requests are served', async () => {
  const { memory, running, server, ask, finish } = await limited(2);
  const slow: Client[] = [];
  for (let bodies = 1; bodies <= 3; bodies += 1) {
    const held = memory.held();
    slow.push(await open(portOf(server), HALF));
    await until(() => memory.held() !== held || slow.some((client) => client.isClosed()));
  }
  const [oldest, ...others] = slow;
  await until(() => oldest?.isClosed() ?? false);
  expect(oldest?.text()).toContain('503 Service Unavailable');
  expect(others.at(-1)?.isClosed()).toBe(false);
  const quick = ask();
  await until(() => running.length === 1);
  finish();
  expect((await quick).status).toBe(200);
});

describe('the memory of a request is released when its client disconnects', () => {
  test.each([
    ['after the headers', 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n', false],
    ['in the middle of its body', HALF, true],
  ])('%s', async (_when, sent, holds) => {
    const { memory, server } = await limited(10);
    const client = await open(portOf(server), sent);
    if (holds) await until(() => memory.held() === 10_000);
    client.socket.destroy();
    await until(() => memory.held() === 0);
    await until(() => connectionsOf(server).then((open) => open === 0));
  });

  test('while its operation runs; the memory is released when the operation has ended', async () => {
    const { memory, running, server, finish } = await limited(10);
    const client = await open(portOf(server), requestOf(QUERY));
    await until(() => running.length === 1);
    expect(memory.held()).toBeGreaterThanOrEqual(REQUEST_COST);
    client.socket.destroy();
    await until(() => connectionsOf(server).then((open) => open === 0));
    finish();
    await until(() => memory.held() === 0);
  });

  test('while it receives the response', async () => {
    const { memory, running, server, finish } = await limited(10, 'x'.repeat(30_000_000));
    const client = await open(portOf(server), requestOf(QUERY), { reads: false });
    await until(() => running.length === 1);
    finish();
    await until(() => memory.held() === 0);
    client.socket.destroy();
    await until(() => connectionsOf(server).then((open) => open === 0));
  });
});

test('one organization gets at most half of the memory, until it releases some', () => {
  const memory = createRequestMemory(10 * REQUEST_COST);
  const charged = (organization: string): Admission => {
    const admission = memory.admit(0) as Admission;
    try {
      admission.chargeOrganization(organization);
    } catch (error) {
      admission.release();
      throw error;
    }
    return admission;
  };
  const own = Array.from({ length: 5 }, () => charged('acme'));
  expect(() => charged('acme')).toThrow('Too many requests of this organization');
  const others = Array.from({ length: 5 }, () => charged('globex'));
  expect(memory.admit(0)).toBeNull();
  own.pop()?.release();
  own.push(charged('acme'));
  for (const admission of [...own, ...others]) admission.release();
  expect(memory.held()).toBe(0);
});

const connectionsOf = (server: Awaited<ReturnType<typeof serve>>): Promise<number> =>
  new Promise((done, fail) => server.getConnections((error, count) => (error ? fail(error) : done(count))));
