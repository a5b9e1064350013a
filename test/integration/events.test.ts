import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createDeadlines } from '../../src/http/deadline.ts';
import { createHandler } from '../../src/http/handler.ts';
import { createRequestMemory, REQUEST_COST } from '../../src/http/memory.ts';
import type { Graphql } from '../../src/http/yoga.ts';
import { newSecret } from '../../src/lib/secret.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { addressOf, type Client, open, portOf, serve } from '../http/sockets.ts';
import { startApi } from '../support/api.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import { until } from '../support/until.ts';
import {
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  membersOfEachRole,
  mutate,
} from '../support/world.ts';
import { createIntegration, eventsOf, secretIn, sendEvent } from './support.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { admin, user } = await membersOfEachRole(api, acme);

const countEvents = async (): Promise<number> =>
  (await api.root`select count(*)::int as total from integration_events`)[0]?.['total'];

describe('an event', () => {
  test('is stored before the response, and only callers with integration:update read its payload', async () => {
    const { id, send } = await createIntegration(api, admin);
    const before = Date.now();
    const answer = await send('{"a": [1,  "ü"]}');
    expect(answer).toMatchObject({ status: 202, id: expect.stringMatching(/^ine_/) });
    const [event] = await eventsOf(admin, id);
    expect(event).toEqual({
      id: answer.id,
      payload: '{"a": [1,  "ü"]}',
      size: 17,
      status: 'QUEUED',
      error: null,
      receivedAt: expect.any(String),
      processedAt: null,
    });
    expect(Date.parse(event.receivedAt)).toBeGreaterThanOrEqual(before - 1000);
    const READ = 'query ($id: ID!) { integration(id: $id) { name lastEventAt events { payload } } }';
    expect(await user.query(READ, { id })).toMatchObject({
      data: { integration: { lastEventAt: event.receivedAt, events: null } },
      errors: [
        { path: ['integration', 'events'], extensions: { code: 'FORBIDDEN', permission: 'integration:update' } },
      ],
    });
    expect((await globex.owner.query(READ, { id })).data.integration).toBeNull();
  });

  test('stores the event in its own organization only', async () => {
    const [ours, theirs] = [await createIntegration(api, admin), await createIntegration(api, globex.owner)];
    expect((await ours.send('1')).status).toBe(202);
    expect(await eventsOf(admin, ours.id)).toMatchObject([{ payload: '1' }]);
    expect(await eventsOf(globex.owner, theirs.id)).toEqual([]);
    const rows =
      await api.root`select organization_id from integration_events where integration_id = ${uuidOf('int', ours.id)}`;
    expect(rows).toMatchObject([{ organization_id: organizationUuid(acme) }]);
  });

  test('needs no credential, and an API token is ignored', async () => {
    const { send } = await createIntegration(api, admin);
    const { token } = await createApiToken(api, admin, 'READ');
    for (const authorization of [`Bearer ${token}`, 'Bearer nonsense'])
      expect(await send({}, { headers: { authorization, cookie: 'ambit_reports=x' } })).toMatchObject({ status: 202 });
    expect(await send({}, { secret: 'x', headers: { authorization: `Bearer ${admin.token}` } })).toMatchObject({
      status: 404,
    });
  });

  test('can be any JSON value, and content types for JSON are accepted', async () => {
    const { id, send } = await createIntegration(api, admin);
    for (const body of ['1', 'null', '"text"', ' [] ', '{"a":"\\u0000"}']) expect((await send(body)).status).toBe(202);
    for (const type of ['application/json; charset="UTF-8"', 'application/cloudevents+json', 'APPLICATION/JSON'])
      expect((await send('1', { headers: { 'content-type': type } })).status).toBe(202);
    expect((await eventsOf(admin, id)).map(({ payload }) => payload).toReversed()).toEqual([
      '1',
      'null',
      '"text"',
      ' [] ',
      '{"a":"\\u0000"}',
      '1',
      '1',
      '1',
    ]);
  });
});

describe('nothing is stored for', () => {
  test('a secret that is unknown, malformed, of another kind or of an integration of the other type', async () => {
    const custom = await createIntegration(api, admin);
    const deploy = await createIntegration(api, admin, 'DEPLOY');
    const { token } = await createApiToken(api, admin, 'WRITE');
    const before = await countEvents();
    const REFUSED = { status: 404, code: 'NOT_FOUND', message: 'No integration of this type has this URL.' };
    for (const secret of [
      newSecret('ambit_int_'),
      custom.secret.slice(0, -1),
      '',
      'a%2Fb',
      `${custom.secret}/`,
      String(token),
    ])
      expect(await custom.send({}, { secret }), secret).toMatchObject(REFUSED);
    expect(await custom.send({}, { secret: deploy.secret })).toMatchObject(REFUSED);
    expect(await custom.send({}, { path: 'deploy' })).toMatchObject(REFUSED);
    expect((await custom.send({}, { method: 'GET' })).status).toBe(404);
    expect(await countEvents()).toBe(before);
    expect((await custom.send({})).status).toBe(202);
  });

  test.each([
    ['no JSON', '{"a":}', 400],
    ['an empty body', '', 400],
    ['a truncated body', '{"a":[1,2', 400],
    ['two values', '{} {}', 400],
    ['a byte order mark', '\ufeff{}', 400],
    ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 400],
    ['half of a surrogate pair in UTF-8', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), 400],
    ['a payload that is nested too deeply', '['.repeat(101) + ']'.repeat(101), 422],
    ['a payload that is nested very deeply', '['.repeat(2_000_000) + ']'.repeat(2_000_000), 422],
    ['a body above 4 MB', `"${'x'.repeat(4_000_000)}"`, 413],
  ])('%s', async (_name, body, status) => {
    const { id, send } = await createIntegration(api, admin);
    expect(await send(body)).toMatchObject({ status, code: 'BAD_REQUEST' });
    expect(await eventsOf(admin, id)).toEqual([]);
  });

  test.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['plain text', { 'content-type': 'text/plain' }],
    ['no content type', { 'content-type': '' }],
    ['another charset', { 'content-type': 'application/json; charset=iso-8859-1' }],
    ['UTF-16', { 'content-type': 'application/json; charset=utf-16' }],
  ])('%s', async (_name, headers) => {
    const { id, send } = await createIntegration(api, admin);
    expect(await send('{}', { headers })).toMatchObject({ status: 415, code: 'BAD_REQUEST' });
    expect(await eventsOf(admin, id)).toEqual([]);
  });

  test('a compressed body, also one that would be small', async () => {
    const { id, send } = await createIntegration(api, admin);
    for (const encoding of ['gzip', 'GZIP', 'br', 'gzip, identity', 'unknown'])
      expect(await send(gzipSync('{}'), { headers: { 'content-encoding': encoding } }), encoding).toMatchObject({
        status: 415,
      });
    expect((await send(gzipSync('{}'))).status).toBe(400);
    const answer = await send('{}', { headers: { 'content-encoding': 'gzip' } });
    expect(answer.headers.get('accept-encoding')).toBe('identity');
    expect(await eventsOf(admin, id)).toEqual([]);
    expect((await send('{}', { headers: { 'content-encoding': 'identity' } })).status).toBe(202);
  });

  test('a body without a length that grows above 4 MB', async () => {
    const { url, id } = await createIntegration(api, admin);
    const { host, port } = new URL(api.address);
    const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
    const client = await open(Number(port), `${head}transfer-encoding: chunked\r\n\r\n`);
    const chunk = `${(100_000).toString(16)}\r\n${' '.repeat(100_000)}\r\n`;
    for (let sent = 0; sent < 45 && !client.isClosed(); sent += 1) client.socket.write(chunk);
    await until(() => client.text().includes('HTTP/1.1 413'));
    expect(await eventsOf(admin, id)).toEqual([]);
  });

  test('a client that disconnects before the end of the body', async () => {
    const { url, id, send } = await createIntegration(api, admin);
    const { host, port } = new URL(api.address);
    const seen = api.requests.length;
    const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
    const client = await open(Number(port), `${head}content-length: 10\r\n\r\n{"a":1`);
    client.socket.destroy();
    await until(() => api.requests.slice(seen).some(({ outcome }) => outcome === 'DISCONNECTED'));
    expect((await send({})).status).toBe(202);
    expect(await eventsOf(admin, id)).toHaveLength(1);
  });
});

describe('a payload of 4 MB', () => {
  test('is stored and read as it was sent', async () => {
    const { id, send } = await createIntegration(api, admin);
    const body = `"${'x'.repeat(3_999_998)}"`;
    expect((await send(body)).status).toBe(202);
    const { data } = await admin.query('query ($id: ID!) { integration(id: $id) { events { payload size } } }', { id });
    expect(data.integration.events[0].size).toBe(4_000_000);
    expect(data.integration.events[0].payload === body).toBe(true);
    for (const _ of [1, 2]) expect((await send(body)).status).toBe(202);
    const { errors } = await admin.query('query ($id: ID!) { integration(id: $id) { events { payload } } }', { id });
    expect(errors?.[0].extensions.code).toBe('RESPONSE_TOO_LARGE');
  });
});

describe('an Idempotency-Key', () => {
  const key = (text: string) => ({ headers: { 'idempotency-key': text } });

  test('gives the same ID again and stores nothing, with or without quotes', async () => {
    const { id, send } = await createIntegration(api, admin);
    const first = await send({ a: 1 }, key('"k-1"'));
    for (const text of ['"k-1"', 'k-1'])
      expect(await send({ a: 1 }, key(text))).toMatchObject({ status: 202, id: first.id });
    expect(await send({ a: 1 }, key('k-2'))).not.toMatchObject({ id: first.id });
    expect(await eventsOf(admin, id)).toHaveLength(2);
  });

  test('with another payload is refused', async () => {
    const { id, send } = await createIntegration(api, admin);
    await send({ a: 1 }, key('k'));
    expect(await send({ a: 2 }, key('k'))).toMatchObject({ status: 422, code: 'BAD_REQUEST' });
    expect(await eventsOf(admin, id)).toHaveLength(1);
  });

  test('belongs to one integration', async () => {
    const [one, other] = [await createIntegration(api, admin), await createIntegration(api, globex.owner)];
    const answers = [await one.send(1, key('k')), await other.send(2, key('k'))];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(2);
  });

  test('of several requests at once, on two nodes, stores one event', async () => {
    const node = await startApi({ database: api });
    const { id, url } = await createIntegration(api, admin);
    const send = (at: number) => sendEvent(at % 2 ? api : node, url, { a: 1 }, key('k'));
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => send(at)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.id)).size).toBe(1);
    expect(await eventsOf(admin, id)).toHaveLength(1);
  });

  test.each(['', ' ', '"', 'a b', 'ü', 'x'.repeat(256)])('of the form %j is refused', async (text) => {
    const { send } = await createIntegration(api, admin);
    expect((await send({}, key(encodeURI(text) === text ? text : Buffer.from(text).toString('latin1')))).status).toBe(
      400,
    );
  });
});

describe('an integration', () => {
  test('that is disabled refuses events until it is enabled, on every node at once', async () => {
    const node = await startApi({ database: api });
    const { id, url, send } = await createIntegration(api, admin);
    const sendToNode = () => sendEvent(node, url);
    expect([(await send()).status, (await sendToNode()).status]).toEqual([202, 202]);
    await mutate(admin, 'updateIntegration', { id, enabled: false });
    for (const answer of [await send(), await sendToNode()])
      expect(answer).toMatchObject({ status: 403, code: 'FORBIDDEN', reason: 'INTEGRATION_DISABLED' });
    await mutate(admin, 'updateIntegration', { id, enabled: true });
    expect([(await send()).status, (await sendToNode()).status]).toEqual([202, 202]);
  });

  test('whose secret was rotated refuses the old one on every node at once', async () => {
    const node = await startApi({ database: api });
    const { id, url, send } = await createIntegration(api, admin);
    for (const at of [api, node]) expect((await sendEvent(at, url)).status).toBe(202);
    const rotated = await mutate(admin, 'rotateIntegrationSecret', { id }, 'integration { hint } url');
    expect(rotated.integration.hint).toBe(`ambit_int_…${rotated.url.slice(-4)}`);
    for (const at of [api, node]) {
      expect((await sendEvent(at, url)).status).toBe(404);
      expect((await sendEvent(at, rotated.url)).status).toBe(202);
    }
    expect((await send({}, { secret: secretIn(rotated.url) })).status).toBe(202);
  });

  test('accepts no event with the old secret after a rotation that happens under load', async () => {
    const { id, url } = await createIntegration(api, admin);
    const late: number[] = [];
    let isRotated = false;
    let isDone = false;
    const sending = Array.from({ length: 8 }, async () => {
      while (!isDone) {
        const wasRotated = isRotated;
        const { status } = await sendEvent(api, url);
        if (wasRotated) late.push(status);
      }
    });
    await until(async () => (await eventsOf(admin, id)).length > 20);
    await mutate(admin, 'rotateIntegrationSecret', { id });
    isRotated = true;
    await until(() => late.length > 20);
    isDone = true;
    await Promise.all(sending);
    expect(new Set(late)).toEqual(new Set([404]));
  });

  test('has one valid URL after several rotations at once', async () => {
    const { id } = await createIntegration(api, admin);
    const rotate = () => mutate(admin, 'rotateIntegrationSecret', { id }, 'url');
    const answers = await Promise.all([rotate(), rotate(), rotate()]);
    const statuses = await Promise.all(answers.map(async ({ url }) => (await sendEvent(api, url)).status));
    expect(statuses.toSorted()).toEqual([202, 404, 404]);
    expect(await differencesOfDirectories(api.root)).toEqual([]);
  });

  test('that was deleted refuses events, and its events are gone', async () => {
    const { id, send } = await createIntegration(api, admin);
    await send();
    const before = await countEvents();
    expect(await mutate(admin, 'deleteIntegration', { id }, 'deletedId')).toMatchObject({ deletedId: id, errors: [] });
    expect((await send()).status).toBe(404);
    expect(await countEvents()).toBe(before - 1);
  });

  test('cannot be deleted while checks evaluate its events', async () => {
    const { id, send } = await createIntegration(api, admin);
    const settings = { customEvent: { integrationId: id, serviceSelector: '.service', successCondition: '.ok' } };
    const check = await createCheck(admin, await getRubric(admin), { name: 'Reported', settings });
    const remove = () => mutate(admin, 'deleteIntegration', { id }, 'deletedId');
    expect(await remove()).toEqual({ deletedId: null, errors: [{ code: 'IN_USE', path: ['id'] }] });
    expect((await send()).status).toBe(202);
    await mutate(admin, 'deleteCheck', { check: { id: check } });
    expect(await remove()).toEqual({ deletedId: id, errors: [] });
  });

  test('of a deleted organization refuses events', async () => {
    const gone = await createOrganization(api, 'gone');
    const { send } = await createIntegration(api, gone.owner);
    expect((await send()).status).toBe(202);
    await mutate(gone.owner, 'deleteOrganization', { id: gone.id, slug: 'gone' });
    expect((await send()).status).toBe(404);
  });
});

describe('the memory for requests', () => {
  const BODY = '1'.repeat(20_000);

  /** A second node with room for one event of this size, and for the bodies of one that is being received. */
  const serveWith = async (bytes: number, timeout = 30_000) => {
    const memory = createRequestMemory(bytes);
    const { dependencies } = api.app;
    const server = await serve(
      createHandler({} as Graphql, dependencies, { memory, deadlines: createDeadlines(timeout) }),
    );
    return { memory, node: { address: addressOf(server) }, port: portOf(server) };
  };
  const ROOM = 2 * (REQUEST_COST + 3 * BODY.length);

  test('refuses an event above the share of its organization, and holds nothing afterwards', async () => {
    const { url } = await createIntegration(api, admin);
    const { memory, node } = await serveWith(ROOM);
    expect((await sendEvent(node, url, `${BODY}111`)).status).toBe(503);
    expect((await sendEvent(node, url, BODY)).status).toBe(202);
    for (const [body, sent] of [
      ['no JSON', {}],
      [BODY, { headers: { 'content-encoding': 'gzip' } }],
      [BODY, { secret: newSecret('ambit_int_') }],
    ] as const)
      expect((await sendEvent(node, url, body, sent)).status).toBeGreaterThanOrEqual(400);
    expect(memory.held()).toBe(0);
  });

  test('is not used up by bodies that arrive slowly, and not used at all without a valid secret', async () => {
    const { url } = await createIntegration(api, admin);
    const { memory, node, port } = await serveWith(ROOM);
    const begin = (path: string) =>
      open(
        port,
        `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 40000\r\n\r\n${BODY}${BODY.slice(5_000)}`,
      );
    const [first, second] = [await begin(new URL(url).pathname), await begin(new URL(url).pathname)];
    // Together they exceed the share for bodies, so that the oldest one is refused.
    await until(
      () => (first as Client).text().includes('HTTP/1.1 503') || (second as Client).text().includes('HTTP/1.1 503'),
    );
    expect((await sendEvent(node, url, '1')).status).toBe(202);
    const stranger = await begin(`/integrations/deploy/${newSecret('ambit_int_')}`);
    await until(() => stranger.text().includes('HTTP/1.1 404'));
    for (const { socket } of [first, second, stranger]) socket.destroy();
    await until(() => memory.held() === 0);
  });

  test('is released when a client disconnects after the deadline of its request', async () => {
    const { url } = await createIntegration(api, admin);
    const { memory, port } = await serveWith(ROOM, 500);
    const head = 'host: x\r\ncontent-type: application/json\r\ncontent-length: 40000';
    const client = await open(port, `POST ${new URL(url).pathname} HTTP/1.1\r\n${head}\r\n\r\n${BODY}`);
    await until(() => client.text().includes('HTTP/1.1 503'));
    expect(memory.held()).toBe(BODY.length);
    client.socket.destroy();
    await until(() => memory.held() === 0);
  });
});
