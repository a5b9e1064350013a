import { expect, test } from 'vitest';
import { inTransaction } from '../../src/db/transaction.ts';
import { createMetrics, exposition } from '../../src/http/metrics/metrics.ts';
import { METRICS } from '../../src/http/metrics/table.ts';
import { startApi } from '../support/api.ts';
import { parseMetrics, type Sample, sumOf } from '../support/metrics.ts';
import { size } from '../support/size.ts';
import { until } from '../support/until.ts';
import { addMember, createCheck, createOrganization, getRubric } from '../support/world.ts';

const TOKEN = 'a-token-for-prometheus';
const api = await startApi({
  // The comparison of both ways would run each query twice.
  ways: {},
  config: { metrics: { host: '127.0.0.1', port: undefined, token: TOKEN } },
  observers: { metrics: createMetrics({ version: '1.2.3' }) },
});
const acme = await createOrganization(api, 'acme');
const rubric = await getRubric(acme.owner);
const reader = await addMember(api, acme, 'read');

const scrape = (authorization = `Bearer ${TOKEN}`, address = api.address): Promise<Response> =>
  fetch(`${address}/metrics`, { headers: { authorization } });

/** The samples when no other request is in progress. A request is counted after its client has the response. */
async function measure(): Promise<Sample[]> {
  let samples: Sample[] = [];
  await until(async () => {
    samples = parseMetrics(await (await scrape()).text());
    return sumOf(samples, 'ambit_http_requests_in_progress') === 1;
  });
  return samples;
}

/** By how much the sum of the samples with these labels changes. */
async function increaseOf(name: string, labels: Record<string, string>, act: () => Promise<unknown>): Promise<number> {
  const before = sumOf(await measure(), name, labels);
  await act();
  return sumOf(await measure(), name, labels) - before;
}

test('a scrape needs the token: without it, with a wrong one or with that of a member, it is refused', async () => {
  const response = await scrape();
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  for (const wrong of [
    '',
    'Bearer ',
    TOKEN,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${acme.owner.token}`,
  ]) {
    const refused = await scrape(wrong);
    expect([refused.status, refused.headers.get('www-authenticate')], wrong).toEqual([401, 'Bearer']);
    expect(await refused.text()).not.toContain('ambit_');
  }
  const posted = await fetch(`${api.address}/metrics`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  expect(posted.status).toBe(404);
});

test.each([
  ['neither a token nor a port', undefined, undefined],
  ['a port of its own', 9464, TOKEN],
])('with %s, the port of the API has no metrics', async (_name, port, token) => {
  const other = await startApi({
    database: api,
    config: { metrics: { host: '127.0.0.1', port, token } },
    observers: { metrics: createMetrics({ version: '1' }) },
  });
  expect((await scrape(`Bearer ${TOKEN}`, other.address)).status).toBe(404);
  expect((await scrape()).status).toBe(200);
});

test('every metric is in the scrape with its type and its description', async () => {
  const text = await (await scrape()).text();
  for (const [name, { type, help }] of Object.entries(METRICS)) {
    expect(text).toContain(`# HELP ${name} ${help}\n`);
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    expect(help).toMatch(/^[A-Z].*\.$/);
  }
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
  expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  expect(text).toContain(`ambit_build_info{version="1.2.3",node="${process.versions.node}"} 1\n`);
});

test('requests are counted by operation and outcome, with their duration', async () => {
  const read = () => acme.owner.query('query One { checks { totalCount } }');
  expect(await increaseOf('ambit_operations_total', { operation: 'checks', outcome: 'OK' }, read)).toBe(1);
  expect(await increaseOf('ambit_operation_duration_seconds_count', { operation: 'checks' }, read)).toBe(1);
  expect(await increaseOf('ambit_http_requests_total', { route: '/graphql', status: '200' }, read)).toBe(1);
  const two = () => acme.owner.query('{ checks { totalCount } tiers { totalCount } }');
  expect(await increaseOf('ambit_operations_total', { operation: 'several', outcome: 'OK' }, two)).toBe(1);
  const stranger = () => api.as('ambit_pat_wrong').query('{ checks { totalCount } }');
  const refused = { operation: 'checks', outcome: 'UNAUTHENTICATED' };
  expect(await increaseOf('ambit_operations_total', refused, stranger)).toBe(1);
  expect(await increaseOf('ambit_http_requests_total', { route: '/graphql', status: '401' }, stranger)).toBe(1);
  const invalid = () => acme.owner.query('{ nothing }');
  expect(await increaseOf('ambit_operations_total', {}, invalid)).toBe(0);
  const secret = () => fetch(`${api.address}/integrations/secret`);
  expect(await increaseOf('ambit_http_requests_total', { route: 'none', status: '404' }, secret)).toBe(1);
});

test('a refusal is counted by permission and reason, and what is allowed is not a refusal', async () => {
  const id = await createCheck(acme.owner, rubric);
  const remove = (caller: typeof reader) => () =>
    caller.query('mutation ($id: ID!) { deleteCheck(input: { check: { id: $id } }) { deletedId } }', { id });
  const labels = { permission: 'check:delete', reason: 'NO_GRANT' };
  expect(await increaseOf('ambit_refusals_total', labels, remove(reader))).toBe(1);
  expect(await increaseOf('ambit_decisions_total', { decision: 'refused' }, remove(reader))).toBeGreaterThan(0);
  const forbidden = { operation: 'deleteCheck', outcome: 'FORBIDDEN' };
  expect(await increaseOf('ambit_operations_total', forbidden, remove(reader))).toBe(1);
  expect(await increaseOf('ambit_refusals_total', {}, remove(acme.owner))).toBe(0);
  const authorize = (permission: string) => () =>
    reader.query(`{ authorize(requests: [{ permission: "${permission}" }]) { allowed } }`);
  expect(await increaseOf('ambit_decisions_total', { decision: 'allowed' }, authorize('check:read'))).toBe(1);
  expect(await increaseOf('ambit_decisions_total', { decision: 'refused' }, authorize('check:read'))).toBe(0);
  expect(await increaseOf('ambit_decisions_total', { decision: 'refused' }, authorize('check:delete'))).toBe(1);
  expect(await increaseOf('ambit_refusals_total', {}, authorize('check:delete'))).toBe(0);
});

test('a refused attempt to sign in too often is counted as rate-limited', async () => {
  const limited = await startApi({
    config: {
      metrics: { host: '127.0.0.1', port: undefined, token: TOKEN },
      rateLimits: { ...api.app.dependencies.config.rateLimits, attemptsPerNetwork: 1 },
    },
    observers: { metrics: createMetrics({ version: '1' }) },
  });
  const SIGN_IN =
    'mutation { signIn(input: { email: "nobody@ambit.test", password: "wrong password" }) { errors { code } } }';
  const counted = async () =>
    sumOf(parseMetrics(await (await scrape(undefined, limited.address)).text()), 'ambit_rate_limited_requests_total');
  await limited.as().query(SIGN_IN);
  expect(await counted()).toBe(0);
  expect((await limited.as().query(SIGN_IN)).errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
  await until(async () => (await counted()) === 1);
});

test('statements, transactions and connections of the database are counted', async () => {
  const read = () => acme.owner.query('{ checks { totalCount } }');
  const mode = { mode: 'read_only', end: 'commit' };
  expect(await increaseOf('ambit_database_transactions_total', mode, read)).toBe(1);
  expect(await increaseOf('ambit_database_statements_total', {}, read)).toBeGreaterThan(0);
  const create = () => createCheck(acme.owner, rubric);
  const written = { mode: 'read_write', end: 'commit' };
  expect(await increaseOf('ambit_database_transactions_total', written, create)).toBeGreaterThan(0);
  const samples = await measure();
  const { open } = api.pool.state();
  expect(sumOf(samples, 'ambit_database_connections')).toBe(open);
  expect(sumOf(samples, 'ambit_cache_entries', { cache: 'documents' })).toBeGreaterThan(0);
  expect(sumOf(samples, 'ambit_cache_entries', { cache: 'credentials' })).toBeGreaterThan(0);
});

test('the text is the same for measurements that were sent between processes', async () => {
  const one = await createMetrics({ version: '1' }).measure();
  const mean = one.find(({ name }) => name === 'nodejs_eventloop_lag_mean_seconds');
  for (const sample of mean?.values ?? []) sample.value = Number.NaN;
  const text = await exposition([one]);
  expect(text).toContain('nodejs_eventloop_lag_mean_seconds Nan\n');
  expect(await exposition([JSON.parse(JSON.stringify(one))])).toBe(text);
});

test('queued and failed jobs are counted, and a database that does not respond leaves them out', async () => {
  const { jobs } = api.app.dependencies;
  const queued = { job: 'clean-up', state: 'queued' };
  const before = sumOf(await measure(), 'ambit_jobs', queued);
  await inTransaction(api.pool, { organizationId: null, userId: null }, (db) =>
    jobs.enqueue(db, 'clean-up', { after: null }),
  );
  const after = await measure();
  expect(sumOf(after, 'ambit_jobs', queued) - before).toBe(1);
  expect(sumOf(after, 'ambit_jobs', { job: 'clean-up', state: 'failed' })).toBe(0);
  const metrics = createMetrics({ version: '1' });
  const sources = { pool: api.pool, caches: {}, requestsInProgress: () => 0 };
  metrics.watch({ ...sources, jobs: () => new Promise(() => undefined) });
  const text = await metrics.scrape();
  expect(parseMetrics(text).some(({ name }) => name === 'ambit_jobs')).toBe(false);
  expect(parseMetrics(text).some(({ name }) => name === 'ambit_database_connections')).toBe(true);
});

test('names of operations, aliases and paths add no series, however many there are', async () => {
  const send = (name: string) =>
    Promise.all([
      acme.owner.query(`query ${name} { ${name}: checks { totalCount } }`),
      fetch(`${api.address}/${name}`, { headers: { 'x-request-id': name } }),
    ]);
  await send('Name');
  const before = await measure();
  const names = Array.from({ length: size(200, 1_000) }, (_, at) => `Name${at}`);
  for (let at = 0; at < names.length; at += 50) await Promise.all(names.slice(at, at + 50).map(send));
  const after = await measure();
  const checks = { operation: 'checks', outcome: 'OK' };
  const counted = (samples: Sample[]) => sumOf(samples, 'ambit_operations_total', checks);
  expect(counted(after) - counted(before)).toBe(names.length);
  const seriesOf = (samples: Sample[]) => samples.map(({ key }) => key).filter((key) => key.startsWith('ambit_'));
  expect(seriesOf(after)).toEqual(seriesOf(before));
});
