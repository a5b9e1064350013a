import { parseList } from 'structured-headers';
import { beforeEach, describe, expect, test } from 'vitest';
import { createLocalBuckets, MAX_BUCKETS } from '../../src/lib/buckets.ts';
import { fromPublicId } from '../../src/lib/ids.ts';
import type { Plan } from '../../src/lib/plans.ts';
import { EXPORT_REQUESTS } from '../../src/lib/request-limits.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createApiKey,
  createApiToken,
  createOrganization,
  mutate,
  type Organization,
  signIn,
  signUp,
} from '../support/world.ts';

// One percent of the plans: 6 requests per credential and 30 per organization on FREE, and ten times as many on TEAM.
const api = await startApi({
  config: {
    planRequestsPercent: 1,
    anonymousRequestsPerMinute: 10,
    trustedProxies: ['127.0.0.1'],
    introspection: 'public',
  },
});

/** Begins a new period for all buckets. */
beforeEach(() => api.advance(60_000));

interface Given {
  query?: string;
  token?: string | undefined;
  from?: string;
  extensions?: object;
}

interface Sent {
  status: number;
  data: Json;
  code: string | undefined;
  error: Json;
  extensions: Json;
  headers: Headers;
  /** What is left of each limit, by its name. */
  left: Record<string, number>;
}

async function send({ query = '{ __typename }', token, from = '127.0.0.1', extensions }: Given): Promise<Sent> {
  const response = await fetch(`${api.address}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': from,
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, extensions }),
  });
  const { data, errors, extensions: extended } = (await response.json()) as Json;
  return {
    status: response.status,
    data,
    code: errors?.[0].extensions.code,
    error: errors?.[0],
    extensions: extended,
    headers: response.headers,
    left: leftOf(response.headers),
  };
}

function leftOf(headers: Headers): Record<string, number> {
  const items = parseList(headers.get('ratelimit') ?? '');
  return Object.fromEntries(items.map(([name, parameters]) => [String(name), Number(parameters.get('r'))]));
}

/** Sends a request so many times, and returns the status of each response. */
async function statusesOf(times: number, given: Given): Promise<number[]> {
  const statuses: number[] = [];
  for (let sent = 0; sent < times; sent += 1) statuses.push((await send(given)).status);
  return statuses;
}

const times = (count: number, status = 200): number[] => Array(count).fill(status);

const setPlan = async ({ id }: Organization, plan: Plan): Promise<void> =>
  void (await api.root`update organizations set plan = ${plan} where id = ${fromPublicId('org', id) ?? ''}`);

const organization = await createOrganization(api, 'limited');
const tokens: Caller[] = [];
for (let made = 0; made < 7; made += 1) tokens.push(await createApiToken(api, organization.owner, 'WRITE'));
const [token, other] = tokens.map((caller) => caller.token);
const user = await createApiToken(api, await addMember(api, organization, 'user'), 'READ');
const { project } = await mutate(organization.owner, 'createProject', { name: 'Keys', key: 'keys' }, 'project { id }');
const key = await createApiKey(api, organization.owner, { projectId: project.id, preset: 'READ_ONLY' });
const addresses = ['203.0.113.0/24'];
const elsewhere = await createApiKey(api, organization.owner, { projectId: project.id, preset: 'SDK', addresses });
await beginPlan('FREE');

/** Changes the plan, and begins a new period with it. The first request with each token still uses the old plan. */
async function beginPlan(plan: Plan): Promise<void> {
  await setPlan(organization, plan);
  for (const { token: one } of tokens) await send({ token: one });
  api.advance(60_000);
}

/** The names of the tiers of the organization. */
const tiers = async (): Promise<string[]> =>
  (await api.root`select name from tiers where organization_id = ${fromPublicId('org', organization.id) ?? ''}`).map(
    ({ name }) => name,
  );

describe('a credential', () => {
  test('is refused above its limit before anything is executed, and another one is not', async () => {
    expect(await statusesOf(6, { token })).toEqual(times(6));
    const query = 'mutation { createTier(input: { name: "Refused" }) { errors { code } } }';
    api.requests.length = 0;
    const refused = await send({ token, query });
    expect(refused).toMatchObject({
      status: 429,
      code: 'RATE_LIMITED',
      error: { extensions: { limit: 'credential' } },
    });
    const { retryAfter } = refused.error.extensions;
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(refused.headers.get('retry-after')).toBe(String(retryAfter));
    expect(refused.error.message).toBe(
      `Too many requests with this credential: the limit is 6 per minute. Try again in ${retryAfter} seconds.`,
    );
    expect(await tiers()).not.toContain('Refused');
    expect((await send({ token: other })).status).toBe(200);
  });

  test('sends no statement to the database for a refused request', async () => {
    await statusesOf(8, { token });
    api.requests.length = 0;
    expect(await statusesOf(3, { token })).toEqual(times(3, 429));
    expect(api.requests.map(({ statements }) => statements)).toEqual([0, 0, 0]);
  });

  test('may send again in the next period', async () => {
    expect(await statusesOf(7, { token })).toEqual([...times(6), 429]);
    api.advance(60_000);
    expect(await statusesOf(1, { token })).toEqual([200]);
  });

  test('is not charged for a refused request', async () => {
    await statusesOf(4, { token });
    expect((await send({ token, query: '{ a: __typename b: __typename c: __typename }' })).status).toBe(429);
    expect(await statusesOf(3, { token })).toEqual([200, 200, 429]);
  });

  test('that is an API key has a bucket of its own, and counts for the organization', async () => {
    await send({ token: key.token });
    api.advance(60_000);
    await statusesOf(2, { token });
    expect(await statusesOf(7, { token: key.token })).toEqual([...times(6), 429]);
    expect((await send({ token })).left).toEqual({ credential: 3, organization: 21 });
  });

  test('of a person without an organization counts for the person, whichever session it is', async () => {
    const { email } = await signUp(api, 'nobody@limited.test');
    const sessions = [await signIn(api, email), await signIn(api, email)];
    api.advance(60_000);
    expect(await statusesOf(4, { token: sessions[0]?.token })).toEqual(times(4));
    expect(await statusesOf(3, { token: sessions[1]?.token })).toEqual([200, 200, 429]);
  });
});

describe('an organization', () => {
  test('is refused above its limit, whichever credential it uses, and another one is not', async () => {
    const free = await createOrganization(api, 'unconcerned');
    const unconcerned = await createApiToken(api, free.owner, 'READ');
    await setPlan(free, 'FREE');
    await send({ token: unconcerned.token });
    api.advance(60_000);
    for (const { token: one } of tokens.slice(0, 5)) expect(await statusesOf(6, { token: one })).toEqual(times(6));
    const refused = await send({ token: tokens[5]?.token });
    expect(refused).toMatchObject({ status: 429, error: { extensions: { limit: 'organization' } } });
    expect(refused.left).toEqual({ credential: 6, organization: 0 });
    expect((await send({ token: unconcerned.token })).left).toEqual({ credential: 5, organization: 29 });
  });

  test('loses nothing to a credential that sends above its own limit', async () => {
    await statusesOf(20, { token });
    expect((await send({ token: other })).left).toEqual({ credential: 5, organization: 23 });
  });

  test('gets the limits of a larger plan immediately, also while it is refused', async () => {
    await statusesOf(7, { token });
    await setPlan(organization, 'TEAM');
    // The plan is read again once a second.
    await expect.poll(async () => (await send({ token })).status, { timeout: 60_000 }).toBe(200);
    expect((await send({ token })).left).toEqual({ credential: 52, organization: 292 });
    await setPlan(organization, 'FREE');
    expect((await send({ token })).status).toBe(200);
    expect((await send({ token })).status).toBe(429);
  });
});

describe('an anonymous caller', () => {
  const [here, there] = ['198.51.100.1', '198.51.100.2'];

  test('is refused above the limit of its network, and other networks and credentials are not', async () => {
    expect(await statusesOf(11, { from: here })).toEqual([...times(10), 429]);
    expect((await send({ from: here })).error.extensions).toMatchObject({ code: 'RATE_LIMITED', limit: 'network' });
    expect(await statusesOf(1, { from: there })).toEqual([200]);
    expect(await statusesOf(1, { from: here, token })).toEqual([200]);
  });

  test('shares the limit with the first 64 bits of an IPv6 address', async () => {
    expect(await statusesOf(10, { from: '2001:db8:0:1::1' })).toEqual(times(10));
    expect(await statusesOf(1, { from: '2001:db8:0:1:ffff::2' })).toEqual([429]);
    expect(await statusesOf(1, { from: '2001:db8:0:2::1' })).toEqual([200]);
  });

  test('does not learn from headers how many requests others send', async () => {
    const { headers } = await send({ from: here });
    expect([headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([null, null]);
  });

  test.each([
    ['an invalid credential', { token: 'ambit_pat_wrong' }, 401, 'UNAUTHENTICATED'],
    ['an invalid operation', { query: '{ nothing }' }, 200, 'BAD_REQUEST'],
    ['an operation that cannot be parsed', { query: '{' }, 200, 'BAD_REQUEST'],
  ])('is counted for %s', async (_what, given, status, code) => {
    for (let sent = 0; sent < 10; sent += 1)
      expect(await send({ ...given, from: here })).toMatchObject({ status, code });
    expect(await send({ ...given, from: here })).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect(await statusesOf(1, { from: here })).toEqual([429]);
    expect(await statusesOf(1, { from: here, token })).toEqual([200]);
  });

  test('is counted for a credential that cannot be used from the address', async () => {
    for (let sent = 0; sent < 10; sent += 1)
      expect(await send({ token: elsewhere.token, from: here })).toMatchObject({ code: 'FORBIDDEN' });
    expect(await send({ token: elsewhere.token, from: here })).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect(await statusesOf(1, { token: elsewhere.token, from: '203.0.113.1' })).toEqual([200]);
  });
});

describe('a response', () => {
  test('has the limits and what is left of them as structured fields', async () => {
    await statusesOf(2, { token });
    const { headers } = await send({ token });
    const policies = parseList(headers.get('ratelimit-policy') ?? '');
    const limits = parseList(headers.get('ratelimit') ?? '');
    expect(policies.map(([name, parameters]) => [name, Object.fromEntries(parameters)])).toEqual([
      ['credential', { q: 6, w: 60 }],
      ['organization', { q: 30, w: 60 }],
    ]);
    const seconds = limits.map(([, parameters]) => parameters.get('t'));
    expect(limits.map(([name, parameters]) => [name, Object.fromEntries(parameters)])).toEqual([
      ['credential', { r: 3, t: seconds[0] }],
      ['organization', { r: 27, t: seconds[1] }],
    ]);
    for (const left of seconds) expect(left).toSatisfy((value: number) => value >= 1 && value <= 60);
  });

  test('shows the limit of the organization only to callers with usage:read', async () => {
    expect((await send({ token: user.token })).left).toEqual({ credential: 5 });
    expect((await send({ token })).left).toEqual({ credential: 5, organization: 28 });
  });

  test('has the headers for every kind of request: cached, parsed again, GET, failed, and too expensive', async () => {
    await beginPlan('TEAM');
    const query = '{ viewer { user { id } } }';
    const first = (await send({ token, query })).left['credential'] ?? 0;
    expect((await send({ token, query })).left['credential']).toBe(first - 1);
    expect((await send({ token, query, extensions: { plan: true } })).left['credential']).toBe(first - 2);
    const get = await fetch(`${api.address}/graphql?query=${encodeURIComponent(query)}`, {
      headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
    });
    expect(leftOf(get.headers)['credential']).toBe(first - 3);
    const invalid = await send({ token, query: '{ nothing }' });
    expect([invalid.code, invalid.left]).toEqual(['BAD_REQUEST', { credential: first - 4 }]);
    const page = 'nodes { category { checks(first: 500) { nodes { id name } } } }';
    const expensive = await send({ token, query: `{ checks(first: 500) { ${page} } }` });
    expect([expensive.code, expensive.left['credential']]).toEqual(['BAD_REQUEST', first - 5]);
    await beginPlan('FREE');
  });

  test('has extensions.cost only if the request asks for it', async () => {
    const query = '{ viewer { user { id } } }';
    const { extensions } = await send({ token, query, extensions: { cost: true } });
    const { limits, ...cost } = extensions.cost;
    expect(cost).toEqual({ cost: 3, requests: 1 });
    expect(limits).toMatchObject([
      { name: 'credential', limit: 6, remaining: 5 },
      { name: 'organization', limit: 30, remaining: 29 },
    ]);
    expect((await send({ token, query })).extensions).toBeUndefined();
    const both = await send({ token, query, extensions: { cost: true, plan: true } });
    expect(Object.keys(both.extensions).sort()).toEqual(['cost', 'plan']);
  });
});

describe('an operation counts', () => {
  const countOf = async (query: string): Promise<number> =>
    (await send({ token, query, extensions: { cost: true } })).extensions.cost.requests;

  beforeEach(() => beginPlan('TEAM'));

  test('once for each root field: fifty aliases count as fifty', async () => {
    const aliases = Array.from({ length: 50 }, (_, at) => `a${at}: viewer { user { id } }`);
    expect(await countOf(`{ ${aliases.join(' ')} }`)).toBe(50);
    expect((await send({ token })).left).toMatchObject({ credential: 9 });
  });

  test('once more for each 1,000 of its cost', async () => {
    expect(await countOf('{ checks(first: 100) { nodes { id } } }')).toBe(1);
    const page = '{ checks(first: 500) { nodes { id name category { id name } level { id } } } }';
    const { extensions } = await send({ token, query: page, extensions: { cost: true } });
    expect(extensions.cost.cost).toBeGreaterThan(3_000);
    expect(extensions.cost.requests).toBe(1 + Math.floor(extensions.cost.cost / 1_000));
  });

  test('as the whole limit if it counts as more, so that it can be sent', async () => {
    await beginPlan('FREE');
    const query =
      '{ a: __typename b: __typename c: __typename d: __typename e: __typename f: __typename g: __typename }';
    expect((await send({ token, query })).left).toEqual({ credential: 0, organization: 23 });
  });
});

describe('other paths', () => {
  const get = (path: string, from = '127.0.0.1', headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${api.address}${path}`, { headers: { 'x-forwarded-for': from, ...headers } });

  test('count: an export of the audit log as fifty requests, and the schema as one', async () => {
    await beginPlan('TEAM');
    const authorization = { authorization: `Bearer ${token}` };
    const before = (await send({ token })).left['credential'] ?? 0;
    const exported = await get('/audit-events.csv', undefined, authorization);
    await exported.text();
    expect([exported.status, (await send({ token })).left['credential']]).toEqual([200, before - EXPORT_REQUESTS - 1]);
    const refused = await get('/audit-events.csv', undefined, authorization);
    expect([refused.status, ((await refused.json()) as Json).errors[0].extensions.code]).toEqual([429, 'RATE_LIMITED']);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    const schemas = await Promise.all(Array.from({ length: 11 }, () => get('/schema.graphql', '198.51.100.9')));
    expect(schemas.filter(({ status }) => status === 429)).toHaveLength(1);
  });

  test.each([
    ['without a credential', {}, 401],
    ['with an invalid credential', { authorization: 'Bearer ambit_pat_wrong' }, 401],
  ])('count: an export that is refused %s', async (_what, headers: Record<string, string>, status) => {
    const statuses: number[] = [];
    for (let sent = 0; sent < 11; sent += 1)
      statuses.push((await get('/audit-events.csv', '198.51.100.3', headers)).status);
    expect(statuses).toEqual([...times(10, status), 429]);
  });

  test('do not count: health and keys', async () => {
    await statusesOf(11, { from: '198.51.100.7' });
    const paths = ['/health/live', '/health/ready', '/.well-known/jwks.json'];
    const answers = await Promise.all(paths.map((path) => get(path, '198.51.100.7')));
    expect(answers.map(({ status }) => status)).toEqual(times(3));
  });
});

test('the plan and the credential have their limits on this server', async () => {
  const query =
    '{ plan { name apiKeysPerProject requestsPerMinute organizationRequestsPerMinute } viewer { credential { requestsPerMinute } } }';
  await beginPlan('FREE');
  expect((await send({ token, query })).data).toEqual({
    plan: { name: 'FREE', apiKeysPerProject: 5, requestsPerMinute: 6, organizationRequestsPerMinute: 30 },
    viewer: { credential: { requestsPerMinute: 6 } },
  });
});

describe('buckets in memory', () => {
  const claim = (key: number) => ({ kind: 'network' as const, key: String(key), limit: 1 });

  test('are limited in number: the one that was not used for the longest time is removed', () => {
    const buckets = createLocalBuckets(() => 0);
    const isRefused = (key: number): boolean => buckets.count([claim(key)], 1).refusedBy !== null;
    expect([isRefused(0), isRefused(0)]).toEqual([false, true]);
    for (let key = 1; key < MAX_BUCKETS; key += 1) isRefused(key);
    expect(isRefused(0)).toBe(true);
    for (let key = MAX_BUCKETS; key < 2 * MAX_BUCKETS; key += 1) isRefused(key);
    expect(isRefused(0)).toBe(false);
  });

  test('begin a new period when the clock was set back', () => {
    let now = 1_000_000;
    const buckets = createLocalBuckets(() => now);
    buckets.count([claim(1)], 1);
    now = 0;
    expect(buckets.count([claim(1)], 1)).toMatchObject({ refusedBy: null });
  });
});
