import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Db } from '../../src/db/client.ts';
import { inTransaction } from '../../src/db/transaction.ts';
import { newId } from '../../src/lib/ids.ts';
import { JOBS } from '../../src/lib/jobs.ts';
import { storeEvents } from '../../src/resources/integration/events.ts';
import { organizationUuid, uuidOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { enqueue, openWorker, runJobs } from '../support/jobs.ts';
import { createOrganization, duringChange, mutate, queryData } from '../support/world.ts';
import { createIntegration, eventsOf, sendEvent } from './support.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const { owner } = acme;
const organizationId = organizationUuid(acme);

const createService = async (name: string): Promise<string> =>
  (await mutate(owner, 'createService', { name }, 'service { id }')).service.id;
const versionOf = async (id: string): Promise<Json> =>
  (await queryData(owner, 'query ($id: ID!) { service(id: $id) { lastDeployVersion } }', { id })).service
    .lastDeployVersion;

describe('an event whose job has failed after its last retry', () => {
  const fail = async () => {
    throw new Error('the database was restored');
  };
  const jobsOf = async (state: string): Promise<number> =>
    (
      await api.root`select from pgboss.job_common where name = 'process-events' and state::text = ${state}
        and data ->> 'organizationId' = ${organizationId}`
    ).length;

  test('is processed without another event', async () => {
    const { id, send } = await createIntegration(api, owner);
    expect((await send({})).status).toBe(202);
    const failing = await openWorker(api, { handlers: { 'process-events': fail } });
    await failing.runOnce();
    expect(await jobsOf('retry')).toBe(1);
    // While the job is retried, no other one is added.
    await enqueue(api, 'queue-events', { after: null });
    await failing.runOnce();
    expect(await jobsOf('created')).toBe(0);
    await api.root`update pgboss.job_common set retry_count = ${JOBS['process-events'].retries}, start_after = now()
      where state = 'retry' and name = 'process-events'`;
    await failing.runOnce();
    expect([await jobsOf('failed'), await jobsOf('retry')]).toEqual([1, 0]);
    await runJobs(api);
    expect(await eventsOf(owner, id)).toMatchObject([{ status: 'QUEUED' }]);

    await enqueue(api, 'queue-events', { after: null });
    await runJobs(api);
    expect(await eventsOf(owner, id)).toMatchObject([{ status: 'PROCESSED' }]);
    await enqueue(api, 'queue-events', { after: null });
    await (await openWorker(api)).runOnce();
    expect(await jobsOf('created')).toBe(0);
  });
});

describe('the order of the events of an integration', () => {
  test('is that of their responses, also if the clocks of two servers differ', async () => {
    const node = await startApi({ database: api });
    node.advance(600_000);
    const service = await createService('Ledger');
    const { id, url, send } = await createIntegration(api, owner, 'DEPLOY');
    const deploy = (version: string) => ({ service: 'ledger', version });
    expect((await sendEvent(node, url, deploy('first'))).status).toBe(202);
    expect((await send(deploy('second'))).status).toBe(202);
    expect((await sendEvent(node, url, deploy('third'))).status).toBe(202);
    expect((await send(deploy('fourth'))).status).toBe(202);
    const events = (await eventsOf(owner, id)).toReversed();
    const versions = events.map(({ payload }) => JSON.parse(payload).version);
    expect(versions).toEqual(['first', 'second', 'third', 'fourth']);
    expect(events.map((event) => event.id)).toEqual(events.map((event) => event.id).toSorted());
    expect(new Set(events.map(({ receivedAt }) => receivedAt)).size).toBe(4);
    await runJobs(api);
    expect(await versionOf(service)).toBe('fourth');
  });

  test('ends with the time of a wrong clock, so that later events are not in the future', async () => {
    const node = await startApi({ database: api });
    node.advance(7_200_000);
    const { id, url, send } = await createIntegration(api, owner);
    expect((await sendEvent(node, url, ['wrong'])).status).toBe(202);
    for (const clock of ['right', 'later']) expect((await send([clock])).status).toBe(202);
    const [first, ...others] = await eventsOf(owner, id);
    expect([first, ...others].map(({ payload }) => JSON.parse(payload)[0])).toEqual(['wrong', 'later', 'right']);
    const hourBefore = Date.parse(first.receivedAt) - 3_600_000;
    expect(others.map(({ receivedAt }) => Date.parse(receivedAt) < hourBefore)).toEqual([true, true]);
    await runJobs(api);
  });

  test('is that of arrival in one transaction', async () => {
    const { id, send } = await createIntegration(api, owner);
    await Promise.all(Array.from({ length: 30 }, (_, at) => send(String(at))));
    const events = (await eventsOf(owner, id)).toReversed();
    expect(events.map((event) => event.id)).toEqual(events.map((event) => event.id).toSorted());
    await runJobs(api);
  });
});

describe('an event with an idempotency key', () => {
  const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

  test('is stored if the event that had the key is deleted meanwhile', async () => {
    const { id, send } = await createIntegration(api, owner);
    const integrationId = uuidOf('int', id);
    await send('1', { headers: { 'idempotency-key': 'k' } });
    const event = (key: string | null) => ({
      ...{ id: newId(), payload: '1', size: 1, idempotencyKey: key, fingerprint: key && digest('1') },
      createdAt: new Date(),
    });
    const events = [event(null), event(digest('k')), event(digest('other'))];
    let isDeleted = false;
    /** Deletes the event between the insert and the search for the key. */
    const deleting = (db: Db): Db =>
      Object.assign(Object.create(db), {
        select: (fields: never) => {
          const own = db.select(fields);
          return {
            from: (table: never) => ({
              where: async (condition: never) => {
                if (!isDeleted)
                  await api.root`delete from integration_events where organization_id = ${organizationId}
                    and integration_id = ${integrationId} and idempotency_key = ${digest('k')}`;
                isDeleted = true;
                return await own.from(table).where(condition);
              },
            }),
          };
        },
      });
    const stored = await inTransaction(api.pool, { organizationId, userId: null }, (db) =>
      storeEvents(deleting(db), organizationId, integrationId, events),
    );
    expect(isDeleted).toBe(true);
    expect(stored).toEqual(events.map((one) => ({ id: one.id, isOther: false })));
    expect(await eventsOf(owner, id)).toHaveLength(3);
    await runJobs(api);
  });

  test('is stored although its transaction was rolled back because of a deadlock', async () => {
    const { id, send } = await createIntegration(api, owner);
    const integrationId = uuidOf('int', id);
    let lock: () => Promise<unknown> = async () => undefined;
    const answer = await duringChange(
      api,
      async (sql) => {
        // The transaction of the event is the victim.
        await sql`set local deadlock_timeout = '1h'`;
        await sql`insert into integration_events
          (organization_id, id, integration_id, payload, size, idempotency_key, fingerprint)
          values (${organizationId}, ${newId()}, ${integrationId}, '1', 1, ${digest('k')}, ${digest('2')})`;
        lock = async () => {
          await sql`select from integrations where organization_id = ${organizationId} and id = ${integrationId}
            for no key update`;
          await sql`delete from integration_events where organization_id = ${organizationId}
            and integration_id = ${integrationId}`;
        };
      },
      () => send('1', { headers: { 'idempotency-key': 'k' } }),
      () => lock(),
    );
    expect(answer.status).toBe(202);
    expect(await eventsOf(owner, id)).toMatchObject([{ id: answer.id }]);
    await runJobs(api);
  });
});
