import { expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { fromPublicId } from '../../src/lib/ids.ts';
import { createNode } from '../../src/startup/node.ts';
import { type ApiOptions, callerAt, type Json, listen, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import { until } from '../support/until.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  mutate,
  type Organization,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const other = await createOrganization(api, 'other');
const { token } = await createApiToken(api, acme.owner, 'READ');

const writeCounts = (): Promise<void> => api.app.dependencies.requestCounts.write();

const REQUESTS = 'query ($days: Int) { usage { requests(days: $days) { day requests } } }';
const DAY = 24 * 60 * 60 * 1_000;

/** The requests of each of the last days, oldest first. */
const requestsOf = async ({ owner }: Organization, days: number): Promise<number[]> =>
  (await queryData(owner, REQUESTS, { days })).usage.requests.map(({ requests }: Json) => requests);

/** The sum that is stored. */
async function storedFor({ id }: Organization): Promise<number> {
  const [row] = await api.root`
    select coalesce(sum(requests), 0)::int as total from request_counts
    where organization_id = ${fromPublicId('org', id) ?? ''}`;
  return row?.['total'];
}

/** A second server on the same database. */
const startOther = (options: ApiOptions) => startApi({ database: api, ...options });

test('usage.requests has the requests of each of the last days, as the limits count them', async () => {
  await writeCounts();
  const [before = 0] = (await requestsOf(acme, 1)).slice(-1);
  await api.as(token).query('{ a: __typename b: __typename c: __typename }');
  await api.as(token).query('{ nothing }');
  await writeCounts();
  // The three root fields, the invalid operation, and the query before them.
  expect(await requestsOf(acme, 1)).toEqual([before + 5]);

  api.advance(DAY);
  const tomorrow = await createApiToken(api, await addMember(api, acme, 'admin'), 'READ');
  await writeCounts();
  const { usage } = await queryData(tomorrow, REQUESTS, { days: 3 });
  expect(usage.requests.map(({ requests }: Json) => requests > 0)).toEqual([false, true, true]);
  const days = usage.requests.map(({ day }: Json) => Date.parse(day));
  expect([days[1] - days[0], days[2] - days[1], days[2] % DAY]).toEqual([DAY, DAY, 0]);
  api.advance(-DAY);
});

test('usage.requests shows the own organization only, and needs usage:read', async () => {
  await writeCounts();
  const own = await requestsOf(other, 1);
  await api.as(token).query('{ __typename }');
  await writeCounts();
  // Its own query, which was counted before.
  expect(await requestsOf(other, 1)).toEqual([(own[0] ?? 0) + 1]);
  const { data, errors } = await (await addMember(api, acme, 'user')).query(REQUESTS);
  expect([data.usage, errors?.[0].extensions.permission]).toEqual([null, 'usage:read']);
});

test('usage.requests refuses more days than are kept', async () => {
  expect(await requestsOf(acme, 400)).toHaveLength(400);
  for (const days of [0, 401]) {
    const { errors } = await acme.owner.query(REQUESTS, { days });
    expect(errors?.[0]).toMatchObject({
      message: '`days` must be from 1 to 400.',
      extensions: { code: 'BAD_REQUEST' },
    });
  }
});

test('the numbers of requests are deleted after 400 days', async () => {
  const id = fromPublicId('org', other.id) ?? '';
  const dayBefore = (days: number): string => new Date(Date.now() - days * DAY).toISOString().slice(0, 10);
  for (const days of [401, 399]) await api.root`insert into request_counts values (${id}, ${dayBefore(days)}, ${days})`;
  await enqueue(api, 'clean-up', { after: null });
  await runJobs(api);
  const kept =
    await api.root`select requests::int from request_counts where organization_id = ${id} and requests > 300`;
  expect(kept.map(({ requests }) => requests)).toEqual([399]);
});

test('requests are written in the background, in one statement for all requests of an organization', async () => {
  const node = await startOther({ writeCountsAfter: 50 });
  const writes: string[] = [];
  node.hooks.onStatement = (text) => void (text.includes('request_counts') && writes.push(text));
  const before = await storedFor(acme);
  await Promise.all(Array.from({ length: 20 }, () => node.as(token).query('{ __typename }')));
  await until(async () => (await storedFor(acme)) === before + 20);
  expect(writes.length).toBeLessThan(20);
});

test('no request waits for a write, and a write that fails is made again with the next one', async () => {
  await writeCounts();
  const before = await storedFor(acme);
  await api.as(token).query('{ __typename }');
  await api.root.unsafe('alter table request_counts rename to request_counts_away');
  try {
    await writeCounts();
    expect((await api.as(token).query('{ __typename }')).status).toBe(200);
    expect(api.logged.map(({ message }) => message)).toContain('the numbers of requests were not written');
  } finally {
    await api.root.unsafe('alter table request_counts_away rename to request_counts');
  }
  await writeCounts();
  expect(await storedFor(acme)).toBe(before + 2);
  await api.root.begin(async (sql) => {
    await sql`lock table request_counts in access exclusive mode`;
    await api.as(token).query('{ __typename }');
    const writing = writeCounts();
    expect((await api.as(token).query('{ checks { totalCount } }')).status).toBe(200);
    return [writing];
  });
  await writeCounts();
  expect(await storedFor(acme)).toBe(before + 4);
});

test('a deleted organization does not prevent the counts of others', async () => {
  const deleted = await createOrganization(api, 'deleted');
  await writeCounts();
  const before = await storedFor(acme);
  await deleted.owner.query('{ __typename }');
  await api.as(token).query('{ __typename }');
  expect(await mutate(deleted.owner, 'deleteOrganization', { id: deleted.id, slug: 'deleted' })).toEqual({
    errors: [],
  });
  await writeCounts();
  expect(await storedFor(acme)).toBe(before + 1);
});

test('a process writes its counts before it ends', async () => {
  const steps: (() => Promise<unknown>)[] = [];
  const lifecycle = {
    isStopping: () => false,
    onStop: (step: () => Promise<unknown>) => void steps.push(step),
    stop: () => undefined,
    exitWithError: () => Promise.reject(),
  };
  const { pool } = await startOther({});
  const config = { ...readConfig({}), publicUrl: 'http://ambit.test' };
  const node = createNode({ pool, config, log: () => undefined, hasDemo: false }, lifecycle);
  const address = await listen(node.handler);
  const before = await storedFor(acme);
  await callerAt(address, token).query('{ __typename }');
  expect(await storedFor(acme)).toBe(before);
  for (const step of steps) await step();
  expect(await storedFor(acme)).toBe(before + 1);
});
