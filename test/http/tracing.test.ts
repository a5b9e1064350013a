import { afterAll, expect, test } from 'vitest';
import { createTracing } from '../../src/http/open-telemetry.ts';
import type { Log } from '../../src/lib/log.ts';
import type { Tracing } from '../../src/lib/tracing.ts';
import { type Api, type ApiOptions, startApi } from '../support/api.ts';
import { type ReceivedSpan, startCollector } from '../support/collector.ts';
import { until } from '../support/until.ts';
import { createOrganization, createUser, getRubric, PASSWORD } from '../support/world.ts';

/** The packages read these variables when the tracing is created. */
const ENVIRONMENT = {
  OTEL_SERVICE_NAME: 'ambit-in-a-test',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20collector',
  OTEL_BSP_SCHEDULE_DELAY: '20',
  // Far longer than this test runs, so that a request or a stop that waits for the collector fails the test.
  OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
  OTEL_BSP_EXPORT_TIMEOUT: '600000',
};
Object.assign(process.env, ENVIRONMENT);

function traceTo(url: string, log: Log = () => undefined, stopTimeout?: number): Tracing {
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = url;
  return createTracing('1.2.3', log, stopTimeout);
}

const collector = await startCollector();
const tracing = traceTo(collector.url);
// The comparison of both ways would add the spans of the other one.
const options: ApiOptions = { ways: {}, observers: { tracing } };
const api = await startApi(options);
const byResolvers = await startApi({ ...options, ways: { wrapAnswer: () => () => null }, database: api });
const acme = await createOrganization(api, 'acme');
const rubric = await getRubric(acme.owner);
afterAll(() => tracing.stop());

const PARENT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
let requests = 0;

interface Sent {
  token?: string | undefined;
  traceparent?: string;
  variables?: object;
  to?: Api;
}

/** Sends an operation. Returns its request ID. */
async function send(query: string, { token, traceparent, variables, to = api }: Sent = {}): Promise<string> {
  requests += 1;
  const requestId = `traced-${requests}`;
  const response = await fetch(`${to.address}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-request-id': requestId,
      ...(token && { authorization: `Bearer ${token}` }),
      ...(traceparent && { traceparent }),
    },
    body: JSON.stringify({ query, variables }),
  });
  await response.text();
  return requestId;
}

const isRoot = ({ attributes }: ReceivedSpan, requestId: string): boolean =>
  attributes['ambit.request_id'] === requestId;

interface Tree {
  name: string;
  children: Tree[];
}

/** The spans of a request, below the one of the HTTP request. */
async function spansOf(requestId: string): Promise<{ root: ReceivedSpan; all: ReceivedSpan[]; tree: Tree }> {
  await until(() => collector.spans.some((span) => isRoot(span, requestId)));
  const root = collector.spans.find((span) => isRoot(span, requestId)) as ReceivedSpan;
  const all = collector.spans.filter(({ traceId }) => traceId === root.traceId);
  const treeOf = ({ spanId, name }: ReceivedSpan): Tree => ({
    name,
    children: all.filter(({ parentSpanId }) => parentSpanId === spanId).map(treeOf),
  });
  return { root, all, tree: treeOf(root) };
}

const entryOf = async (requestId: string, { requests: entries }: Api = api): Promise<Record<string, unknown>> => {
  const find = () => entries.find((entry) => entry['requestId'] === requestId);
  await until(() => find() !== undefined);
  return find() as Record<string, unknown>;
};

const leaf = (name: string): Tree => ({ name, children: [] });
const CHECKS = 'query Checks { checks { totalCount } }';

test('a query has spans for the request, the operation, the root field and its statement', async () => {
  await send(CHECKS, { token: acme.owner.token });
  const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
  const requestId = await send(CHECKS, { token: acme.owner.token, traceparent });
  const { root, all, tree } = await spansOf(requestId);
  expect(root).toMatchObject({ ...PARENT, spanId: root.spanId, parentSpanId: PARENT.spanId, kind: 2, isError: false });
  expect(root.attributes).toEqual({
    'http.request.method': 'POST',
    'http.route': '/graphql',
    'http.response.status_code': 200,
    'ambit.request_id': requestId,
    'ambit.outcome': 'OK',
    'ambit.organization': acme.id,
  });
  // The first statement checks the credential, before the field is executed.
  expect(tree).toEqual({
    name: 'POST /graphql',
    children: [{ name: 'query', children: [leaf('SELECT'), { name: 'checks', children: [leaf('SELECT')] }] }],
  });
  const [operation] = all.filter(({ name }) => name === 'query');
  expect(operation?.attributes).toEqual({ 'graphql.operation.type': 'query', 'graphql.operation.name': 'Checks' });
  const statement = all.find(({ attributes }) => /from "?checks"?/.test(String(attributes['db.query.text'])));
  expect(statement).toMatchObject({ kind: 3, attributes: { 'db.system.name': 'postgresql' } });
  expect(await entryOf(requestId)).toMatchObject({ traceId: PARENT.traceId });
  expect(collector.resource).toMatchObject({ 'service.name': 'ambit-in-a-test', 'service.version': '1.2.3' });
  expect(collector.authorization).toBe('Basic collector');
});

test('resolvers have the same spans, and statements of fields below belong to the operation', async () => {
  const NODES = '{ categories { nodes { name } } }';
  const TOTAL = '{ checks { totalCount } tiers { totalCount } }';
  for (const query of [NODES, TOTAL]) await send(query, { token: acme.owner.token, to: byResolvers });
  const one = await spansOf(await send(NODES, { token: acme.owner.token, to: byResolvers }));
  // The statement that checks the credential is sent with the first one of the field.
  const categories = { name: 'categories', children: [leaf('SELECT'), leaf('SELECT')] };
  expect(one.tree).toEqual({ name: 'POST /graphql', children: [{ name: 'query', children: [categories] }] });
  const { tree, all } = await spansOf(await send(TOTAL, { token: acme.owner.token, to: byResolvers }));
  const names = tree.children[0]?.children.map(({ name }) => name) ?? [];
  expect(new Set(names)).toEqual(new Set(['SELECT', 'checks', 'tiers']));
  const ids = new Set(all.map(({ spanId }) => spanId));
  expect(all.filter(({ parentSpanId }) => parentSpanId && !ids.has(parentSpanId))).toEqual([]);
});

test('the lookup of a credential belongs to the request', async () => {
  const other = await startApi({ ...options, database: api });
  const { root, all } = await spansOf(await send(CHECKS, { token: acme.owner.token, to: other }));
  const lookup = all.find(({ attributes }) => /find_session_actor/.test(String(attributes['db.query.text'])));
  expect(lookup).toMatchObject({ name: 'SELECT', kind: 3, parentSpanId: root.spanId });
  expect(all.filter(({ parentSpanId }) => parentSpanId === root.spanId).map(({ name }) => name)).toContain('query');
});

test('the statements of a mutation belong to its field, with COMMIT', async () => {
  const place = { category: { id: rubric.categories['Security'] }, level: { id: rubric.levels['Bronze'] } };
  const CREATE = 'mutation Create($input: CreateCheckInput!) { createCheck(input: $input) { check { id } } }';
  const variables = { input: { name: 'A traced check', ...place } };
  const { tree } = await spansOf(await send(CREATE, { token: acme.owner.token, variables }));
  const [operation] = tree.children.filter(({ name }) => name === 'mutation');
  expect(operation?.children.map(({ name }) => name)).toEqual(['createCheck']);
  expect(operation?.children[0]?.children.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['SELECT', 'INSERT', 'COMMIT']),
  );
});

test('a request that the caller of Ambit does not sample has a trace ID and no spans', async () => {
  const [hidden, shown] = ['1'.repeat(32), '2'.repeat(32)];
  const requestId = await send(CHECKS, { token: acme.owner.token, traceparent: `00-${hidden}-${PARENT.spanId}-00` });
  expect(await entryOf(requestId)).toMatchObject({ traceId: hidden });
  await spansOf(await send(CHECKS, { token: acme.owner.token, traceparent: `00-${shown}-${PARENT.spanId}-01` }));
  const wrong = await send(CHECKS, { token: acme.owner.token, traceparent: `00-${'0'.repeat(32)}-zzz-01` });
  expect((await spansOf(wrong)).root.parentSpanId).toBeUndefined();
  expect(collector.spans.filter(({ traceId }) => traceId === hidden)).toEqual([]);
});

test('spans contain no password, token, variable or address', async () => {
  await createUser(api, 'traced@ambit.test');
  const SIGN_IN = `mutation ($input: SignInInput!) { signIn(input: $input) { session { accessToken } errors { code } } }`;
  const input = { email: 'traced@ambit.test', password: PASSWORD };
  const written = SIGN_IN.replace('($input: SignInInput!)', '').replace(
    '$input',
    '{ email: "traced@ambit.test", password: "a wrong password" }',
  );
  const sent = [
    await send(SIGN_IN, { variables: { input } }),
    await send(written),
    await send(`{ checks(filter: { search: "a searched text" }) { totalCount } }`, { token: acme.owner.token }),
    await send(CHECKS, { token: 'ambit_pat_wrong' }),
  ];
  const outcomes = await Promise.all(sent.map(async (id) => (await spansOf(id)).root.attributes['ambit.outcome']));
  expect(outcomes).toEqual(['OK', 'OK', 'OK', 'UNAUTHENTICATED']);
  const secrets = /traced@ambit|correct horse|a wrong password|a searched text|ambit_pat_|owner@acme|argon2id\$|eyJ/;
  expect(collector.text()).not.toMatch(secrets);
  expect(collector.text()).not.toContain(acme.owner.token ?? 'no token');
});

test('a fault is marked as an error, and a refusal is not', async () => {
  const refused = await spansOf(await send(CHECKS));
  expect(refused.root).toMatchObject({ isError: false, attributes: { 'ambit.outcome': 'UNAUTHENTICATED' } });
  await api.root.unsafe('alter table tiers rename column name to away');
  const failed = await send('{ tiers { nodes { name } } }', { token: acme.owner.token });
  await api.root.unsafe('alter table tiers rename column away to name');
  const { root, all } = await spansOf(failed);
  expect(root).toMatchObject({ isError: true, attributes: { 'ambit.outcome': 'INTERNAL' } });
  expect(all.filter(({ kind, isError }) => kind === 3 && isError)[0]?.attributes['error.type']).toBe('42703');
});

test('health checks are not traced', async () => {
  const headers = { 'x-request-id': 'health' };
  expect((await fetch(`${api.address}/health/ready`, { headers })).status).toBe(200);
  expect(await entryOf('health')).not.toHaveProperty('traceId');
  const traced = await fetch(`${api.address}/schema.graphql`, { headers: { 'x-request-id': 'schema' } });
  expect(traced.status).toBe(200);
  expect((await spansOf('schema')).root).toMatchObject({ name: 'GET /schema.graphql' });
  expect(collector.spans.some((span) => isRoot(span, 'health'))).toBe(false);
});

test('a collector that never responds delays neither requests nor a stop', async () => {
  const hanging = await startCollector(null);
  const slow = traceTo(hanging.url, undefined, 200);
  const other = await startApi({ ...options, observers: { tracing: slow }, database: api });
  const requestId = await send(CHECKS, { token: acme.owner.token, to: other });
  await until(() => hanging.pending() > 0);
  for (let at = 0; at < 5; at += 1)
    expect((await other.as(acme.owner.token).query(CHECKS)).data).toEqual((await acme.owner.query(CHECKS)).data);
  expect(await entryOf(requestId, other)).toMatchObject({ outcome: 'OK' });
  await slow.stop();
  expect(hanging.pending()).toBeGreaterThan(0);
});

test('a collector that refuses the spans is logged once, without its URL, and delays nothing', async () => {
  const logged: Record<string, unknown>[] = [];
  const { host } = new URL((await startCollector(400)).url);
  const refused = traceTo(`http://user:hunter2@${host}`, (entry) => void logged.push(entry));
  const other = await startApi({ ...options, observers: { tracing: refused }, database: api });
  const send = async () => expect((await other.as(acme.owner.token).query(CHECKS)).errors).toBeUndefined();
  await send();
  await until(() => logged.length > 0);
  await send();
  await refused.stop();
  expect(logged).toEqual([{ level: 'warn', message: 'spans were lost, because the collector does not accept them' }]);
});
