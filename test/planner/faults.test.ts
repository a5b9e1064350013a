import { request } from 'node:http';
import { expect, test } from 'vitest';
import { openTransaction } from '../../src/db/transaction.ts';
import { AmbitError } from '../../src/lib/errors.ts';
import type { ApiResponse } from '../support/api.ts';
import { until } from '../support/until.ts';
import { createCheck, createOrganization, getRubric } from '../support/world.ts';
import { askBothWays, startTwoWays } from './two-ways.ts';

const ways = await startTwoWays({ pool: 4, config: { responseLimit: 60_000 } });
const { api } = ways;
const { owner } = await createOrganization(api, 'acme');
const rubric = await getRubric(owner);
for (let at = 0; at < 12; at += 1)
  await createCheck(owner, rubric, { name: `Check ${at}`, notes: `${'é🔒"\\'.repeat(1_500)}${'x'.repeat(at)}` });

const QUERY = 'query ($n: Int) { checks(first: $n) { totalCount nodes { id name notes } } }';

const lockWaits = async (): Promise<number> =>
  (
    await api.root`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  ).length;

/** Runs `work` while the planned statement of the query waits for a lock. Then releases the lock. */
async function whileWaiting<T>(start: () => Promise<T>, work: () => Promise<unknown>): Promise<T> {
  let answer: Promise<T> | undefined;
  const before = ways.counts.asked;
  await api.root.begin(async (sql) => {
    await sql`lock table checks in access exclusive mode`;
    answer = start();
    answer.catch(() => undefined);
    await until(async () => (await lockWaits()) > 0);
    expect(ways.counts.asked).toBe(before + 1);
    await work();
  });
  return (await answer) as T;
}

test('a page above the response limit gets the error of the resolvers, and one below it is complete', async () => {
  const sizes: Record<string, number> = {};
  for (let n = 0; n <= 12; n += 1) {
    const { data, errors, isPlanned } = await askBothWays(ways, owner, QUERY, { n });
    const outcome = errors ? errors[0].extensions.code : isPlanned ? 'planned' : 'resolved';
    sizes[outcome] = (sizes[outcome] ?? 0) + 1;
    if (data?.checks) expect(data.checks.nodes).toHaveLength(n);
  }
  expect(Object.keys(sizes).sort()).toEqual(['RESPONSE_TOO_LARGE', 'planned', 'resolved']);
});

test('near the response limit, the answer is that of the resolvers', async () => {
  const query =
    '{ checks { totalCount nodes { a: enabled b: type c: alias } } levels { nodes { d: index e: index } } }';
  const { body } = await askBothWays(ways, owner, query);
  // The resolvers count some values with more bytes than they have.
  for (const responseLimit of [body.length, Math.floor(body.length * 1.2), body.length - 1, 3 * body.length]) {
    const near = await startTwoWays({ database: api, pool: 2, config: { responseLimit } });
    await askBothWays(near, owner, query);
  }
});

test('a request that is stopped cancels its planned statement', async () => {
  const response = await whileWaiting(
    () => owner.query(QUERY, { n: 1 }),
    async () => {
      api.app.stopRequests(new AmbitError('UNAVAILABLE', 'Stopped.'));
      await until(async () => (await lockWaits()) === 0);
    },
  );
  expect(response.data?.checks ?? null).toBeNull();
  expect(response.errors?.map(({ message }) => message)).toEqual(['Stopped.']);
});

test('a client that disconnects cancels its planned statement', async () => {
  const body = JSON.stringify({ query: QUERY, variables: { n: 1 } });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${owner.token}` };
  const sent = request(`${api.address}/graphql`, { method: 'POST', headers });
  sent.on('error', () => undefined);
  await whileWaiting(
    async () => void sent.end(body),
    async () => {
      sent.destroy();
      await until(async () => (await lockWaits()) === 0);
    },
  );
  const after = await askBothWays(ways, owner, QUERY, { n: 1 });
  expect([after.errors, after.isPlanned]).toEqual([undefined, true]);
});

test('a query whose connection is lost during its planned statement is executed again', async () => {
  const expected = await owner.query(QUERY, { n: 2 });
  const response: ApiResponse = await whileWaiting(
    () => owner.query(QUERY, { n: 2 }),
    async () => {
      await api.root`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
    },
  );
  expect([response.status, response.errors]).toEqual([200, undefined]);
  expect(response.data).toEqual(expected.data);
});

test('a query that got no connection in time does not wait for one a second time', async () => {
  const { api: busy } = await startTwoWays({ database: api, pool: 1, client: { waitMs: 300 } });
  const by = busy.as(owner.token);
  expect((await by.query(QUERY, { n: 1 })).errors).toBeUndefined();
  const taken = await openTransaction(busy.pool, { organizationId: null, userId: null }, 'read only');
  const { acquire } = busy.pool;
  let attempts = 0;
  busy.pool.acquire = (...args) => {
    attempts += 1;
    return acquire(...args);
  };
  const refused = await by.query(QUERY, { n: 1 });
  expect([refused.status, refused.errors?.[0].extensions.code, attempts]).toEqual([503, 'UNAVAILABLE', 1]);
  await taken.commit();
  expect((await by.query(QUERY, { n: 1 })).errors).toBeUndefined();
});
