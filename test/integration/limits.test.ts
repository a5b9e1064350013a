import { expect, test } from 'vitest';
import type { Plan } from '../../src/lib/plans.ts';
import { newSecret } from '../../src/lib/secret.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { enqueue, runJobs } from '../support/jobs.ts';
import { until } from '../support/until.ts';
import { createOrganization, mutate } from '../support/world.ts';
import { createIntegration, eventsOf, sendEvent, type TestIntegration } from './support.ts';

// One percent of the plan FREE: 6 requests of a credential and 30 of an organization in a minute.
const api = await startApi({ config: { planRequestsPercent: 1, anonymousRequestsPerMinute: 10 } });
const free = await startApi({ database: api });
const acme = await createOrganization(free, 'acme');
const globex = await createOrganization(free, 'globex');

const setPlan = (plan: Plan) => free.root`update organizations set plan = ${plan} where id = ${organizationUuid(acme)}`;

const AUDIT = `{ auditEvents(first: 20, filter: { action: "receiveEvent" }) {
  nodes { action outcome reason targetId input ipAddress actor { kind } } } }`;

/** Writes the refusals that the node has counted, and returns their audit events. */
async function audited(node = free): Promise<Json[]> {
  await node.app.dependencies.eventRefusals.write();
  const { data, errors } = await free.as(acme.owner.token).query(AUDIT);
  expect(errors).toBeUndefined();
  return data.auditEvents.nodes;
}

const statuses = async (times: number, one: () => Promise<{ status: number }>): Promise<number[]> => {
  const all: number[] = [];
  for (let sent = 0; sent < times; sent += 1) all.push((await one()).status);
  return all;
};

test('an integration and its organization have the limits of their plan, and others have their own', async () => {
  const integrations: TestIntegration[] = [];
  for (let at = 0; at < 6; at += 1) integrations.push(await createIntegration(free, acme.owner));
  const other = await createIntegration(free, globex.owner);
  await setPlan('FREE');
  api.advance(60_000);
  const send = (at: number) => sendEvent(api, integrations[at]?.url ?? '');
  expect(await statuses(7, () => send(0))).toEqual([...Array(6).fill(202), 429]);
  const refused = await send(0);
  expect(refused).toMatchObject({ code: 'RATE_LIMITED', message: expect.stringContaining('with this credential') });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  for (const at of [1, 2, 3, 4]) expect(await statuses(6, () => send(at))).toEqual(Array(6).fill(202));
  expect((await send(5)).message).toContain('of this organization');
  expect((await sendEvent(api, other.url)).status).toBe(202);
  // The requests of the organization through the API share the limit.
  expect((await api.as(acme.owner.token).query('{ viewer { user { email } } }')).status).toBe(429);
  api.advance(60_000);
  expect((await send(0)).status).toBe(202);
  await setPlan('ENTERPRISE');
});

test('unknown secrets count for their network, and valid ones are not affected', async () => {
  const { url, secret } = await createIntegration(free, acme.owner);
  api.advance(60_000);
  const guess = () => sendEvent(api, url, {}, { secret: newSecret('ambit_int_') });
  expect(await statuses(12, guess)).toEqual([...Array(10).fill(404), 429, 429]);
  expect(await statuses(1, () => sendEvent(api, url, {}, { secret: `${secret}x` }))).toEqual([429]);
  expect((await sendEvent(api, url)).status).toBe(202);
});

test('events count as requests of the organization', async () => {
  const { send } = await createIntegration(free, globex.owner);
  await free.app.dependencies.requestCounts.write();
  const total = async () =>
    (
      await free.root`select sum(requests)::int as total from request_counts where organization_id = ${organizationUuid(globex)}`
    )[0]?.['total'];
  const before = await total();
  await statuses(5, () => send());
  await send('no JSON');
  await free.app.dependencies.requestCounts.write();
  expect((await total()) - before).toBe(6);
});

test('refusals leave one audit event for each integration and reason, and accepted events leave none', async () => {
  const [one, other] = [await createIntegration(free, acme.owner), await createIntegration(free, acme.owner, 'DEPLOY')];
  await audited();
  const before = (await audited()).length;
  await one.send();
  expect(await statuses(7, () => one.send('no JSON'))).toEqual(Array(7).fill(400));
  await one.send('{}', { headers: { 'content-type': 'text/plain' } });
  await one.send({}, { path: 'deploy' });
  await mutate(acme.owner, 'updateIntegration', { id: other.id, enabled: false });
  await statuses(3, () => other.send());
  await other.send({}, { secret: newSecret('ambit_int_') });
  const events = await audited();
  expect(events.length - before).toBe(3);
  const event = (reason: string, targetId: string, count: number) => ({
    ...{ action: 'receiveEvent', outcome: 'REFUSED', reason, targetId, ipAddress: '127.0.0.1' },
    ...{ actor: { kind: 'ANONYMOUS' }, input: { count, since: expect.any(String) } },
  });
  expect(events.slice(0, 3)).toEqual(
    expect.arrayContaining([
      event('INVALID_EVENT', one.id, 8),
      event('WRONG_TYPE', one.id, 1),
      event('INTEGRATION_DISABLED', other.id, 3),
    ]),
  );
  expect(await audited()).toHaveLength(events.length);
});

test('refusals are audited a minute after the first one', async () => {
  const node = await startApi({ database: free, writeRefusalsAfter: 10 });
  const { url, id } = await createIntegration(free, acme.owner);
  await sendEvent(node, url, 'no JSON');
  const stored = () => free.root`select from audit_events where target_id = ${id} and action = 'receiveEvent'`;
  await until(async () => (await stored()).length === 1);
});

test('the refusals of a deleted organization are not audited, and do not prevent those of others', async () => {
  const gone = await createOrganization(free, 'gone');
  const [theirs, ours] = [await createIntegration(free, gone.owner), await createIntegration(free, acme.owner)];
  await theirs.send('no JSON');
  await ours.send('no JSON');
  await mutate(gone.owner, 'deleteOrganization', { id: gone.id, slug: 'gone' });
  expect(await audited()).toContainEqual(expect.objectContaining({ targetId: ours.id, reason: 'INVALID_EVENT' }));
});

test.each([
  ['events', 50_000, 1],
  ['bytes', 1, 100_000_000],
])('an organization with too many queued %s gets 503, and another does not', async (_what, events, size) => {
  const full = await createOrganization(free, `full-${size}`);
  const [own, other] = [await createIntegration(free, full.owner), await createIntegration(free, globex.owner)];
  expect((await own.send()).status).toBe(202);
  await free.root`
    insert into integration_events (organization_id, id, integration_id, payload, size)
    select ${organizationUuid(full)}, gen_random_uuid(), ${uuidOf('int', own.id)}, '1', ${size} from generate_series(1, ${events})`;
  // The node counts the events at most once a second.
  await until(async () => (await own.send()).status === 503);
  const refused = await own.send();
  expect(refused).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('not processed yet') });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await other.send()).status).toBe(202);
  await free.root`delete from integration_events where organization_id = ${organizationUuid(full)}`;
  await until(async () => (await own.send()).status === 202);
});

test('the events of several requests at once share transactions, and each response has its own ID', async () => {
  const { id, send } = await createIntegration(free, acme.owner);
  const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => send(String(at))));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  const events = await eventsOf(acme.owner, id);
  const byId = new Map(events.map((event) => [event.id, event.payload]));
  for (const [at, answer] of answers.entries()) expect(byId.get(answer.id)).toBe(String(at));
  const jobs = await free.root`select from pgboss.job_common where name = 'process-events' and state = 'created'
    and data ->> 'organizationId' = ${organizationUuid(acme)}`;
  expect(jobs).toHaveLength(1);
});

test('the last 100 events and 20 MB of an integration are kept after they were processed', async () => {
  const { id, send } = await createIntegration(free, globex.owner);
  for (let at = 0; at < 110; at += 1)
    await send(String(at), at % 2 ? {} : { headers: { 'idempotency-key': `k-${at}` } });
  await runJobs(free);
  const kept = await eventsOf(globex.owner, id);
  expect(kept.map(({ payload }) => Number(payload))).toEqual(Array.from({ length: 100 }, (_, at) => 109 - at));
  // The key of a deleted payload is still known.
  const again = await send('0', { headers: { 'idempotency-key': 'k-0' } });
  expect(again.status).toBe(202);
  expect((await send('1', { headers: { 'idempotency-key': 'k-0' } })).status).toBe(422);
  expect(await eventsOf(globex.owner, id)).toHaveLength(100);
  const large = `"${'x'.repeat(3_900_000)}"`;
  for (let at = 0; at < 6; at += 1) await send(large);
  await runJobs(free);
  const READ = 'query ($id: ID!) { integration(id: $id) { events(first: 100) { size } } }';
  const { data } = await globex.owner.query(READ, { id });
  expect(data.integration.events.map(({ size }: Json) => size)).toEqual(Array(5).fill(3_900_002));
});

test('keys without a payload are deleted after a day', async () => {
  const { send } = await createIntegration(free, globex.owner);
  const key = { headers: { 'idempotency-key': 'old' } };
  const first = await send('1', key);
  await runJobs(free);
  await free.root`update integration_events set payload = null, created_at = now() - interval '25 hours'
    where idempotency_key is not null and payload = '1' and organization_id = ${organizationUuid(globex)}`;
  expect(await send('1', key)).toMatchObject({ id: first.id });
  await enqueue(free, 'clean-up', { after: null });
  await runJobs(free);
  expect(await send('1', key)).not.toMatchObject({ id: first.id });
});
