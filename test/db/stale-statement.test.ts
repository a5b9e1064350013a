import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql as query } from 'drizzle-orm';
import type { Sql } from 'postgres';
import { afterEach, expect, test } from 'vitest';
import type { Db } from '../../src/db/client.ts';
import { readAgain } from '../../src/db/read-again.ts';
import { queryRows } from '../../src/db/reader.ts';
import { inTransaction, type Mode, openTransaction } from '../../src/db/transaction.ts';
import { organizationUuid } from '../enforcement/support.ts';
import { type Api, type Caller, startApi } from '../support/api.ts';
import { until } from '../support/until.ts';
import { createApiToken, createOrganization, type Organization } from '../support/world.ts';

// A prepared statement becomes stale when the type of a column that it returns changes. PostgreSQL then rejects it, and
// the driver by default sends it again, even after the end of its transaction.

/** Everything that was sent to the database. */
let sent = '';
const recording = (): Socket => {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  const write = socket.write.bind(socket);
  socket.write = ((chunk: Buffer, ...rest: []) => {
    sent += chunk.toString('latin1');
    return write(chunk, ...rest);
  }) as never;
  return socket;
};

// One connection for transactions, so that consecutive transactions share it.
const api: Api = await startApi({ pool: 1, client: { dial: recording } });
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
const bindingOf = (organization: Organization) => ({ organizationId: organizationUuid(organization), userId: null });
const [own, others] = [bindingOf(acme), bindingOf(globex)];

const MARK = 'stale_test';

const tenantsSeen = async (db: Db): Promise<string[]> =>
  (
    await queryRows<{ organization_id: string }>(
      db,
      query`select * from categories as ${query.raw(MARK)} where name <> ${'none'}`,
    )
  ).map((row) => row.organization_id);
const isOnly = ({ organizationId }: { organizationId: string }, seen: string[]): boolean =>
  seen.length > 0 && seen.every((id) => id === organizationId);

// Neither type change rewrites the table. A rewritten table looks empty to every transaction with an older snapshot.
const changeType = async (on: Api, type: 'text' | 'varchar'): Promise<void> => {
  await on.root.unsafe(`alter table categories alter column description type ${type}`);
};
afterEach(() => changeType(api, 'text'));

/** Prepares the statement on each connection. */
async function prepare(mode: Mode): Promise<void> {
  const all = Array.from({ length: 6 }, (_, at) => inTransaction(api.pool, at % 2 ? own : others, tenantsSeen, mode));
  await Promise.allSettled(all);
}

test.each(['read only', 'read write'] as const)(
  'a stale statement of a %s transaction is not sent again, neither in the transaction nor after it',
  async (mode) => {
    await prepare(mode);
    await changeType(api, 'varchar');
    sent = '';
    const first = await openTransaction(api.pool, own, mode);
    const next = openTransaction(api.pool, others, mode);
    await queryRows(first.db, query`select 1`);
    // The end of the transaction and the next BEGIN are sent before the failure of the statement is known.
    const [seen] = await Promise.allSettled([tenantsSeen(first.db), first.commit()]);
    expect(seen).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('cached plan') } });
    const second = await next;
    expect(isOnly(others, await tenantsSeen(second.db))).toBe(true);
    await second.commit();
    // The statement was already prepared, so its text is sent once: for the second transaction, on a new connection.
    expect(sent.split(MARK).length - 1).toBe(1);
  },
);

test('after one stale statement every connection is replaced, and requests are served', async () => {
  await prepare('read write');
  await changeType(api, 'varchar');
  const [failed] = await Promise.allSettled([inTransaction(api.pool, own, tenantsSeen)]);
  expect(failed.status).toBe('rejected');
  for (const binding of [own, others, own, others])
    expect(isOnly(binding, await inTransaction(api.pool, binding, tenantsSeen))).toBe(true);
});

const UPDATE = `mutation ($id: ID!, $description: String!) {
  updateCategory(input: { category: { id: $id }, description: $description }) { category { description } errors { code } }
}`;

test.each([
  ['the cached actor', async () => acme.owner],
  // The first request of a token has no cached actor.
  ['an actor that is read', () => createApiToken(api, acme.owner, 'WRITE')],
])('a mutation of %s with a stale statement runs again, and has one audit event', async (_name, createCaller) => {
  const caller = await createCaller();
  const { data } = await acme.owner.query('{ categories(first: 1) { nodes { id } } }');
  const { id } = data.categories.nodes[0];
  const update = (by: Caller, description: string) => by.query(UPDATE, { id, description });
  await update(acme.owner, 'Prepared');
  await changeType(api, 'varchar');
  const [before] = await countUpdates();
  expect(await update(caller, 'Changed')).toMatchObject({
    status: 200,
    data: { updateCategory: { category: { description: 'Changed' }, errors: [] } },
  });
  const [after] = await countUpdates();
  expect(after?.count).toBe((before?.count ?? 0) + 1);
});

test('a stale lookup, and the lookups that were sent with it, are sent again once', async () => {
  const lookups = await api.pool.lookupsOf('');
  const text = 'select * from categories where name = $1';
  const read = (on: Sql) => on.unsafe(text, ['none'], { prepare: true }).execute();
  const all = (on: Sql) => Promise.allSettled([read(on), read(on), read(on)]);
  const statusesOf = async (on: Sql) => (await all(on)).map(({ status }) => status);
  const types: ('text' | 'varchar')[] = ['varchar', 'text'];
  const makeStale = async (): Promise<void> => {
    await read(lookups);
    await changeType(api, types[0] ?? 'text');
    types.reverse();
  };
  // The connection of the first lookup can be one that the test before has made stale, and that is replaced.
  await until(async () => {
    await makeStale();
    return (await statusesOf(lookups)).includes('rejected');
  });
  await makeStale();
  expect(await statusesOf(readAgain(lookups))).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  const wrong = readAgain(lookups).unsafe('select nothing from categories').execute();
  await expect(wrong).rejects.toThrow('does not exist');
});

const countUpdates = () => api.root<{ count: number }[]>`
  select count(*)::int from audit_events where action = 'updateCategory'`;

const CREATE = 'mutation ($name: String!) { createCategory(input: { name: $name }) { category { id } } }';
/** Minimum number of mutations that must succeed during the test. */
const MIN_MUTATIONS = 20;
const LIST = '{ organization { slug } categories(first: 500) { totalCount nodes { name description } } }';

test('while a column type changes under load, no response is wrong and no mutation lacks its audit event', async () => {
  const busy = await startApi({ pool: 4 });
  const organizations = [await createOrganization(busy, 'acme'), await createOrganization(busy, 'globex')];
  const made: string[] = [];
  const codes = new Set<string>();
  const wrong: unknown[] = [];
  let isOn = true;
  const client = async (at: number): Promise<void> => {
    const { owner, slug } = organizations[at % 2] as Organization;
    for (let turn = 0; isOn; turn += 1) {
      const name = `${slug} ${at} ${turn}`;
      const isMutation = turn % 3 === 0;
      const { data, errors } = await owner.query(isMutation ? CREATE : LIST, { name });
      if (errors) codes.add(errors[0].extensions.code);
      else if (isMutation) made.push(name);
      else if (!isRight(data, slug)) wrong.push(data);
    }
  };
  const clients = Array.from({ length: 12 }, (_, at) => client(at));
  for (let round = 0; round < 10 || made.length < MIN_MUTATIONS; round += 1) {
    await changeType(busy, round % 2 ? 'text' : 'varchar');
    await sleep(100);
  }
  isOn = false;
  await Promise.all(clients);

  expect(wrong).toEqual([]);
  expect([...codes].filter((code) => code !== 'UNAVAILABLE')).toEqual([]);
  const rows = await busy.root<{ name: string; events: number }[]>`
    select name, (select count(*)::int from audit_events e
      where e.action = 'createCategory' and e.outcome = 'ALLOWED' and e.after->>'name' = c.name) as events
    from categories c where name ~ ' \\d+ \\d+$'`;
  expect(rows.map(({ name }) => name).toSorted()).toEqual(made.toSorted());
  expect(rows.filter(({ events }) => events !== 1)).toEqual([]);
});

// biome-ignore lint/suspicious/noExplicitAny: a response
const isRight = ({ organization, categories: { totalCount, nodes } }: any, slug: string): boolean =>
  organization.slug === slug &&
  totalCount >= 4 &&
  nodes.length === Math.min(totalCount, 500) &&
  nodes.every(({ name }: { name: string }) => !name.includes(' ') || name.startsWith(slug));
