import { sql as query } from 'drizzle-orm';
import { expect, test } from 'vitest';
import type { Db } from '../../src/db/client.ts';
import type { Pool } from '../../src/db/pool.ts';
import { queryRows } from '../../src/db/reader.ts';
import { inTransaction, openTransaction } from '../../src/db/transaction.ts';
import { newWork, stopWork } from '../../src/db/work.ts';
import { unavailable } from '../../src/lib/errors.ts';
import { organizationUuid } from '../enforcement/support.ts';
import { startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';

const api = await startApi({ pool: 2, client: { waitMs: 60_000 } });
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
const [own, others] = [acme, globex].map((one) => ({ organizationId: organizationUuid(one), userId: null })) as [
  { organizationId: string; userId: null },
  { organizationId: string; userId: null },
];

const pidOf = async (db: Db): Promise<number> =>
  (await queryRows<{ pid: number }>(db, query`select pg_backend_pid() as pid`))[0]?.pid as number;
const tenantsSeen = async (db: Db): Promise<string[]> =>
  (await queryRows<{ id: string }>(db, query`select distinct organization_id as id from categories`)).map(
    ({ id }) => id,
  );
const kill = async (pid: number): Promise<void> => {
  await api.root`select pg_terminate_backend(${pid}, 5000)`;
};
const reading = <T>(work: (db: Db) => Promise<T>, binding = own) => inTransaction(api.pool, binding, work, 'read only');

/** Sends parallel requests of two organizations and expects that each response has the data of its caller. */
async function expectServing(): Promise<void> {
  const asked = Array.from({ length: 20 }, (_, at) => (at % 2 ? acme : globex));
  const answers = await Promise.all(asked.map(({ owner }) => owner.query('{ organization { slug } }')));
  expect(answers.map(({ data }) => data?.organization.slug)).toEqual(asked.map(({ slug }) => slug));
}

test('a statement of a finished transaction is refused and does not run in another transaction', async () => {
  const first = await openTransaction(api.pool, own, 'read only');
  expect(await tenantsSeen(first.db)).toEqual([own.organizationId]);
  const next = openTransaction(api.pool, others, 'read only');
  await first.commit();
  const second = await next;
  await expect(tenantsSeen(first.db)).rejects.toThrow('the transaction has ended');
  expect(await tenantsSeen(second.db)).toEqual([others.organizationId]);
  await second.commit();
});

test('a statement sent before COMMIT gets its rows, and the next transaction on the connection gets its own', async () => {
  const first = await openTransaction(api.pool, own, 'read only');
  const next = openTransaction(api.pool, others, 'read only');
  const late = tenantsSeen(first.db);
  await first.commit();
  const second = await next;
  expect(await Promise.all([late, tenantsSeen(second.db)])).toEqual([[own.organizationId], [others.organizationId]]);
  await second.commit();
});

test('an aborted transaction does not affect the next transaction on its connection', async () => {
  for (const wrong of [query`select 1 / 0`, query`select nothing from nowhere`, query`select ${'x'}::int`]) {
    const first = await openTransaction(api.pool, own, 'read only');
    const next = openTransaction(api.pool, others, 'read only');
    await expect(queryRows(first.db, wrong)).rejects.toThrow();
    await first.commit();
    const second = await next;
    expect(await tenantsSeen(second.db)).toEqual([others.organizationId]);
    await second.commit();
  }
  await expectServing();
});

test('a value that cannot be encoded fails only its own statement', async () => {
  for (const value of [undefined, {}, () => 1, new Date(), [undefined]])
    await reading(async (db) => {
      await pidOf(db);
      const [before, wrong, after] = await Promise.allSettled([
        tenantsSeen(db),
        queryRows(db, query`select ${query.param(value)}::jsonb`),
        queryRows(db, query`select 'after' as it`),
      ]);
      expect(before).toEqual({ status: 'fulfilled', value: [own.organizationId] });
      expect(wrong.status).toBe('rejected');
      expect(after).toMatchObject({ status: 'fulfilled', value: [{ it: 'after' }] });
    });
});

test('a connection is not reused when setting the tenant of its transaction fails', async () => {
  await api.root`revoke execute on function set_config from public`;
  for (const mode of ['read only', 'read write', 'read write'] as const)
    await expect(inTransaction(api.pool, own, pidOf, mode)).rejects.toThrow();
  await api.root`grant execute on function set_config to public`;
  await expectServing();
});

test('a connection lost between two statements fails only its own transaction', async () => {
  for (const mode of ['read only', 'read write'] as const) {
    const lost = await openTransaction(api.pool, own, mode);
    await kill(await pidOf(lost.db));
    // The end of the connection has been received when a later statement is answered.
    await api.sql`select 1`.catch(() => undefined);
    await expect(tenantsSeen(lost.db)).rejects.toThrow();
    if (mode === 'read write') await expect(lost.commit()).rejects.toThrow();
    else await lost.commit();
    await expectServing();
  }
});

test('a connection lost during a statement fails that statement and the statements queued behind it', async () => {
  const lost = await openTransaction(api.pool, own, 'read only');
  const pid = await pidOf(lost.db);
  const waiting = Promise.allSettled([
    queryRows(lost.db, query`select pg_sleep(${60})`),
    queryRows(lost.db, query`select ${'behind'}::text`),
    queryRows(lost.db, query`select ${'further'}::text || 'behind'`),
  ]);
  const isAsleep = async () =>
    (await api.root`select from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`).length > 0;
  while (!(await isAsleep()));
  await kill(pid);
  expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await lost.rollback();
  await expectServing();
});

test('a lost connection that is passed to the next transaction shows no rows of another organization', async () => {
  const lost = await openTransaction(api.pool, own, 'read only');
  const next = openTransaction(api.pool, others, 'read only');
  await kill(await pidOf(lost.db));
  await lost.commit();
  const [second] = await Promise.allSettled([next]);
  if (second.status === 'fulfilled') {
    const [seen] = await Promise.allSettled([tenantsSeen(second.value.db)]);
    if (seen.status === 'fulfilled') expect(seen.value).toEqual([others.organizationId]);
    await second.value.commit();
  }
  await expectServing();
});

test('two hundred requests at once are all answered by two connections', async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, at) =>
      (at % 2 ? acme : globex).owner.query('{ organization { slug } checks { totalCount } }'),
    ),
  );
  expect(new Set(answers.map(({ data }) => data.organization.slug))).toEqual(new Set(['acme', 'globex']));
  expect(answers.every(({ errors }) => errors === undefined)).toBe(true);
});

test('a transaction with a check returns its connection if the request is stopped when it gets the connection', async () => {
  const check = { text: 'select 1', strictText: 'select 1', singleText: 'select 1', values: [] };
  for (let tries = 0; tries < 3; tries += 1) {
    const work = newWork();
    const acquire: Pool['acquire'] = async (...args) => {
      const connection = await api.pool.acquire(...args);
      stopWork(work, unavailable());
      return connection;
    };
    const transaction = await openTransaction({ ...api.pool, acquire }, own, 'read only', work, check);
    await expect(transaction.isBound).rejects.toThrow(unavailable().message);
    await transaction.rollback();
  }
  await expectServing();
});

test('a query returns its connection to the pool when the check of its credential fails', async () => {
  const document = '{ categories { totalCount } }';
  await acme.owner.query(document);
  // Without the lookup, the query cannot run again with an actor that is read from the database either.
  await api.root`alter function ambit.is_session_unchanged rename to away`;
  await api.root`alter function ambit.find_session_actor rename to lookup_away`;
  for (let tries = 0; tries < 3; tries += 1)
    expect((await acme.owner.query(document)).errors).toMatchObject([{ extensions: { code: 'INTERNAL' } }]);
  await api.root`alter function ambit.away rename to is_session_unchanged`;
  await api.root`alter function ambit.lookup_away rename to find_session_actor`;
  await expectServing();
});
