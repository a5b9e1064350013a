import { expect, test } from 'vitest';
import { uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { runJobs } from '../support/jobs.ts';
import { createCheck, createOrganization, getRubric, mutate, queryData } from '../support/world.ts';
import { createIntegration, eventsOf } from './support.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { owner } = acme;

const FIELDS = 'id lastDeployAt lastDeployVersion lastDeployDescription';
const createService = async (name: string, by = owner): Promise<string> =>
  (await mutate(by, 'createService', { name }, 'service { id }')).service.id;
const read = async (id: string, by = owner): Promise<Json> =>
  (await queryData(by, `query ($id: ID!) { service(id: $id) { ${FIELDS} } }`, { id })).service;

test('a deploy is recorded for the service with the alias, in the organization of the integration', async () => {
  const [ours, theirs] = [await createService('Checkout'), await createService('Checkout', globex.owner)];
  const { id, send } = await createIntegration(api, owner, 'DEPLOY');
  const deploy = {
    ...{ service: 'checkout', deployedAt: '2026-01-02T04:04:05+01:00', version: 'v1', description: 'Faster.\nSafer.' },
    unknown: { nested: true },
  };
  expect((await send(deploy)).status).toBe(202);
  expect(await read(ours)).toMatchObject({ lastDeployAt: null });
  await runJobs(api);
  expect(await read(ours)).toEqual({
    id: ours,
    lastDeployAt: '2026-01-02T03:04:05.000Z',
    lastDeployVersion: 'v1',
    lastDeployDescription: 'Faster.\nSafer.',
  });
  expect(await read(theirs, globex.owner)).toMatchObject({ lastDeployAt: null });
  expect(await eventsOf(owner, id)).toMatchObject([{ status: 'PROCESSED', error: null }]);
});

test('the latest deploy counts, whatever the order of the events, and the time defaults to that of the event', async () => {
  const service = await createService('Ledger');
  const { id, send } = await createIntegration(api, owner, 'DEPLOY');
  for (const [version, deployedAt] of [
    ['b', '2026-01-02T00:00:00Z'],
    ['a', '2026-01-01T00:00:00Z'],
  ])
    await send({ service: 'ledger', version, deployedAt });
  await runJobs(api);
  expect(await read(service)).toMatchObject({ lastDeployVersion: 'b' });
  await send({ service: 'ledger', version: 'c' });
  await runJobs(api);
  const [event] = await eventsOf(owner, id);
  expect(await read(service)).toMatchObject({ lastDeployVersion: 'c', lastDeployAt: event.receivedAt });
});

test('a deploy evaluates its service', async () => {
  const rubric = await getRubric(owner);
  const settings = { recentDeploy: { days: 30 } };
  const check = await createCheck(owner, rubric, { settings });
  const service = await createService('Search');
  const statusOf = async () =>
    (
      await queryData(
        owner,
        'query ($id: ID!) { service(id: $id) { checkResults { nodes { status check { id } } } } }',
        {
          id: service,
        },
      )
    ).service.checkResults.nodes.find((result: Json) => result.check.id === check)?.status;
  await runJobs(api);
  expect(await statusOf()).toBe('FAILED');
  const { send } = await createIntegration(api, owner, 'DEPLOY');
  await send({ service: 'search' });
  await runJobs(api);
  expect(await statusOf()).toBe('PASSED');
});

test('an unknown alias becomes a suggestion with the number of its events', async () => {
  const { id, send } = await createIntegration(api, owner, 'DEPLOY');
  for (const service of ['unknown-a', 'unknown-b', 'unknown-a']) await send({ service });
  await runJobs(api);
  await send({ service: 'unknown-a' });
  await runJobs(api);
  const rows = await api.root`select alias, events from service_suggestions order by alias`;
  expect(rows.map((row) => ({ ...row }))).toEqual([
    { alias: 'unknown-a', events: 3 },
    { alias: 'unknown-b', events: 1 },
  ]);
  expect(await eventsOf(owner, id)).toMatchObject(
    Array(4).fill({ status: 'FAILED', error: 'No service has the alias.' }),
  );
});

test.each([
  ['no object', [], 422],
  ['no service', { version: 'v1' }, 422],
  ['a name instead of an alias', { service: 'Checkout API' }, 422],
  ['a service that is no text', { service: { id: 1 } }, 422],
  ['a time without an offset', { service: 'checkout', deployedAt: '2026-01-02T03:04:05' }, 422],
  ['a time that does not exist', { service: 'checkout', deployedAt: '2026-02-30T00:00:00Z' }, 422],
  ['a time in the future', { service: 'checkout', deployedAt: '2999-01-01T00:00:00Z' }, 422],
  ['a version that is too long', { service: 'checkout', version: 'v'.repeat(201) }, 422],
  ['a description with a NUL character', { service: 'checkout', description: 'a\u0000b' }, 422],
  ['a payload above 100 KB', { service: 'checkout', more: 'x'.repeat(100_000) }, 413],
])('a deploy with %s is refused', async (_name, payload, status) => {
  const { id, send } = await createIntegration(api, owner, 'DEPLOY');
  expect(await send(payload)).toMatchObject({ status, code: 'BAD_REQUEST' });
  expect(await eventsOf(owner, id)).toEqual([]);
});

test('deploys of one integration that arrive while its job runs are processed without another event', async () => {
  const service = await createService('Busy');
  const { id, send } = await createIntegration(api, owner, 'DEPLOY');
  let isDone = false;
  const running = (async () => {
    while (!isDone) await runJobs(api);
  })();
  for (let at = 0; at < 30; at += 1) await send({ service: 'busy', version: `v${at}` });
  isDone = true;
  await running;
  await runJobs(api);
  expect((await eventsOf(owner, id)).map(({ status }) => status)).toEqual(Array(30).fill('PROCESSED'));
  expect((await read(service)).lastDeployVersion).toBe('v29');
});

test('a deploy that is not valid any more fails, and does not block the events behind it', async () => {
  const service = await createService('Billing');
  const { id, send } = await createIntegration(api, owner, 'DEPLOY');
  await send({ service: 'billing', deployedAt: new Date().toISOString() });
  // As if the clock of a server had been set back.
  await api.root`update integration_events set created_at = ${new Date(Date.now() - 86_400_000)}
    where integration_id = ${uuidOf('int', id)}`;
  await send({ service: 'billing', version: 'next', deployedAt: '2026-01-01T00:00:00Z' });
  await runJobs(api);
  expect((await eventsOf(owner, id)).map(({ status }) => status)).toEqual(['PROCESSED', 'FAILED']);
  expect(await read(service)).toMatchObject({ lastDeployVersion: 'next' });
});
