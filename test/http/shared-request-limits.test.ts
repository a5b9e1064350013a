import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { parseList } from 'structured-headers';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createLocalBuckets } from '../../src/lib/buckets.ts';
import { createCircuit } from '../../src/lib/circuit.ts';
import { fromPublicId } from '../../src/lib/ids.ts';
import { connectRedis, type Redis } from '../../src/lib/redis.ts';
import { createSharedBuckets } from '../../src/lib/shared-buckets.ts';
import { type Api, startApi } from '../support/api.ts';
import { has } from '../support/packages.ts';
import { prepareRedis, type RedisServer } from '../support/redis.ts';
import { long } from '../support/size.ts';
import { until } from '../support/until.ts';
import { createApiToken, createOrganization, type Organization } from '../support/world.ts';

describe.skipIf(!has('redis-server'))('needs redis-server: nodes with REDIS_URL', () => {
  let server: RedisServer;
  let connections: Redis[];
  let nodes: Api[];
  let organization: Organization;
  let organizationId: string;
  /** A new API token, whose bucket is full. */
  let token: string;

  beforeAll(async () => {
    server = await prepareRedis();
    await server.start();
    connections = [connectRedis(server.url), connectRedis(server.url)];
    const [redis, other] = connections as [Redis, Redis];
    // Six requests per credential, and 30 per organization.
    const config = { planRequestsPercent: 1 };
    const node = await startApi({ config, redis });
    nodes = [node, await startApi({ config, redis: other, database: node })];
    organization = await createOrganization(node, 'shared');
    organizationId = fromPublicId('org', organization.id) ?? '';
  });
  afterAll(async () => {
    for (const connection of connections) connection.close();
    await server.end();
  });

  /** Removes all counts and log entries. */
  async function clear(): Promise<void> {
    await connections[0]?.client.flushDb();
    for (const node of nodes) {
      node.advance(60_000);
      node.logged.length = 0;
    }
  }

  const setPlan = async (node: Api, plan: string): Promise<void> =>
    void (await node.root`update organizations set plan = ${plan} where id = ${organizationId}`);

  const ready = async (): Promise<void> => until(() => connections.every(({ client }) => client.isReady));

  /** Under load, Redis can answer too late, and the node then counts alone for some time. */
  const together = (): Promise<void> =>
    until(async () => {
      await connections[0]?.client.flushDb();
      for (const node of nodes) await node.as().query('{ __typename }');
      return (await connections[0]?.client.get('ambit:requests:network:127.0.0.1')) === '2';
    });

  beforeEach(async () => {
    const [node] = nodes as [Api];
    await ready();
    await together();
    await clear();
    await setPlan(node, 'ENTERPRISE');
    token = (await createApiToken(node, organization.owner, 'READ')).token ?? '';
    await setPlan(node, 'FREE');
    // Each node reads the plan.
    for (const each of nodes) await each.as(token).query('{ __typename }');
    await clear();
  });

  /** Sends a request to a node. Returns what is left for the credential, or the limit that refuses. */
  async function send(at: number, count = 1): Promise<number | string> {
    const fields = Array.from({ length: count }, (_, field) => `a${field}: __typename`);
    const { headers, errors, status } = await (nodes[at] as Api).as(token).query(`{ ${fields.join(' ')} }`);
    if (status === 429) return errors?.[0].extensions.limit;
    const [[, parameters] = []] = parseList(headers.get('ratelimit') ?? '');
    return Number(parameters?.get('r'));
  }

  const keys = async (): Promise<string[]> =>
    ((await connections[0]?.client.keys('*')) ?? []).map((key) => key.replace(/[0-9a-f-]{36}$/, 'ID')).sort();

  const messages = (at: number): unknown[] => (nodes[at] as Api).logged.map(({ message }) => message);
  const [FAILED, BACK] = [
    'Redis fails: this node counts requests alone',
    'Redis works again: nodes share the counts of requests',
  ];

  test('share the limits: what one node counts, the other has less', async () => {
    expect([await send(0), await send(1), await send(0), await send(1, 3)]).toEqual([5, 4, 3, 0]);
    expect([await send(0), await send(1)]).toEqual(['credential', 'credential']);
    expect(await keys()).toEqual(['ambit:requests:credential:ID', 'ambit:requests:organization:ID']);
    expect([...messages(0), ...messages(1)]).toEqual([]);
  });

  test('charge nobody for a refused request', async () => {
    expect([await send(0, 4), await send(1, 4), await send(1, 2)]).toEqual([2, 'credential', 0]);
    expect(await connections[0]?.client.get(`ambit:requests:organization:${organizationId}`)).toBe('6');
  });

  test('keep the limits of sign-in in PostgreSQL', async () => {
    const input = { email: organization.owner.email, password: 'wrong horse battery' };
    const [node] = nodes as [Api];
    await node.root`delete from rate_limits`;
    await node.as().query('mutation ($input: SignInInput!) { signIn(input: $input) { errors { code } } }', { input });
    expect((await node.root`select from rate_limits`).length).toBeGreaterThan(0);
    expect(await keys()).toEqual(['ambit:requests:network:127.0.0.1']);
  });

  test('count alone from the last known state when Redis is killed, and together again when it is back', async () => {
    expect([await send(0, 2), await send(1)]).toEqual([4, 3]);
    await server.kill();
    // Node 0 does not know what node 1 has counted.
    expect([await send(0), await send(0), await send(1)]).toEqual([3, 2, 2]);
    expect([messages(0), messages(1)]).toEqual([[FAILED], [FAILED]]);
    await server.start();
    await until(async () => {
      for (const at of [0, 1]) await (nodes[at] as Api).as().query('{ __typename }');
      return [0, 1].every((at) => messages(at).includes(BACK));
    });
    // Redis has lost its data.
    expect(await send(0)).toBe(5);
    expect(await send(1)).toBe(4);
    expect([messages(0), messages(1)]).toEqual([
      [FAILED, BACK],
      [FAILED, BACK],
    ]);
  });

  test('answer while Redis hangs, and share the counts again when it answers', async () => {
    expect([await send(0), await send(1)]).toEqual([5, 4]);
    server.pause();
    expect([await send(0), await send(0), await send(0), await send(0)]).toEqual([4, 3, 2, 1]);
    expect([await send(0), await send(0)]).toEqual([0, 'credential']);
    server.resume();
    await ready();
    await until(async () => {
      await (nodes[0] as Api).as().query('{ __typename }');
      return (await keys()).includes('ambit:requests:network:127.0.0.1');
    });
  });

  // It takes the seconds of several failures.
  const testIfLong = long ? test : () => undefined;
  testIfLong('replace a connection that has become silent', async () => {
    const proxy = await startProxy(new URL(server.url).port);
    const redis = connectRedis(proxy.url);
    try {
      const node = await startApi({ database: nodes[0] as Api, redis });
      await until(() => redis.client.isReady);
      await node.as(token).query('{ __typename }');
      proxy.silence();
      await until(async () => {
        await node.as(token).query('{ __typename }');
        return node.logged.some(({ message }) => message === BACK);
      });
      expect(node.logged.map(({ message }) => message)).toEqual([FAILED, BACK]);
    } finally {
      redis.close();
    }
  });

  test('serve before Redis can be reached, and use it from then on', async () => {
    const missing = await prepareRedis();
    const redis = connectRedis(missing.url);
    try {
      const [node] = nodes as [Api];
      const late = await startApi({ database: node, redis });
      const answer = await late.as(token).query('{ __typename }');
      expect(answer.status).toBe(200);
      expect(late.logged.map(({ message }) => message)).toEqual([FAILED]);
      await missing.start();
      await until(async () => {
        await late.as(token).query('{ __typename }');
        return redis.client.isReady && (await redis.client.dbSize()) > 0;
      });
    } finally {
      redis.close();
      await missing.end();
    }
  });
});

/** A proxy that can stop the delivery of data on its open connections. New connections work. */
async function startProxy(port: string): Promise<{ url: string; silence: () => void }> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const target = connect(Number(port), '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.pipe(target);
    target.pipe(client);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const silence = (): void => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  return { url: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`, silence };
}

test.each([
  '+OK',
  '*0',
  '*2\r\n$1\r\na\r\n$1\r\nb',
  '*2\r\n$-1\r\n$-1',
  '*2\r\n:-5\r\n:-5',
  '*2\r\n:1\r\n:999999',
  '-ERR',
])('an answer of Redis that is no count limits as if Redis had failed: %j', async (answer) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const commands = data.toString().match(/^\*\d/gm) ?? [];
      for (const _ of commands) socket.write(`${/EVAL/i.test(data.toString()) ? answer : '+OK'}\r\n`);
    });
  }).listen(0);
  await once(server, 'listening');
  const redis = connectRedis(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    redis.close();
    server.close();
  });
  await until(() => redis.client.isReady);
  const buckets = createSharedBuckets(createLocalBuckets(Date.now), redis, Date.now, () => undefined);
  const refused: (number | null)[] = [];
  for (let sent = 0; sent < 5; sent += 1)
    refused.push((await buckets.count([{ kind: 'network', key: 'here', limit: 3 }], 1)).refusedBy);
  expect(refused).toEqual([null, null, null, 0, 0]);
});

test('a service that fails is called again once a second, not for each request', async () => {
  const circuit = createCircuit({ onFailure: () => undefined, onRecovery: () => undefined });
  let calls = 0;
  const hang = (): Promise<never> => {
    calls += 1;
    return new Promise(() => undefined);
  };
  const begun = performance.now();
  await expect(circuit.call(hang)).rejects.toThrow('no answer within 50 ms');
  const others = Array.from({ length: 100 }, () => circuit.call(hang));
  await Promise.allSettled(others);
  const seconds = (performance.now() - begun) / 1_000;
  expect(calls).toBeLessThanOrEqual(1 + seconds);
  expect(others.filter((call) => call === null).length).toBeGreaterThanOrEqual(99 - seconds);
  await until(() => circuit.call(async () => 'answer') !== null);
  expect(await circuit.call(async () => 'answer')).toBe('answer');
});
