import { expect, inject, test } from 'vitest';
import { newId } from '../../src/lib/ids.ts';
import { type Json, startApi } from '../support/api.ts';
import { completeRows } from '../support/complete-rows.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import { createFixtures } from '../support/fixtures.ts';
import { RESOURCES } from '../support/resources.ts';
import { addMember, createOrganization, mutate } from '../support/world.ts';
import { createSampleObjects, dumpRows, organizationUuid, tenantTables, uuidOf, withBinding } from './support.ts';

/** Row-level security without the other enforcement layers: SQL as the runtime role. */
const api = await startApi();
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
for (const organization of [acme, globex]) {
  await createSampleObjects(api, organization);
  await addMember(api, organization, 'read');
  const { one, make } = createFixtures(api, organization);
  // Two of each, so that a reference can change from one to the other.
  for (const type of Object.keys(RESOURCES)) await Promise.all([one(type), make(type)]);
}
const [ours, theirs] = [organizationUuid(acme), organizationUuid(globex)];
for (const organization of [ours, theirs]) {
  await api.root`insert into request_counts (organization_id, day, requests) values (${organization}, '2026-01-01', 1)`;
  // Two tokens that were created with other tokens.
  const tokens =
    await api.root`select id from api_tokens where organization_id = ${organization} and principal_id is not null order by id`;
  for (const [at, { id }] of tokens.slice(0, 2).entries())
    await api.root`update api_tokens set created_with_id = ${tokens[at + 1]?.['id']} where organization_id = ${organization} and id = ${id}`;
}
const tenants = await tenantTables(api);
for (const organization of [ours, theirs]) await completeRows(api, organization, tenants);

const count = async (table: string, where: string): Promise<number> =>
  (await api.root.unsafe(`select count(*)::int as n from ${table} where ${where}`))[0]?.['n'];

/** The organizations of the rows that a transaction with this binding reads. */
const select = (table: string, binding: { organization?: string; user?: string }, columns = 'organization_id') =>
  withBinding(api, binding, async (tx) =>
    (await tx.unsafe(`select ${columns} from ${table}`)).map((row) => ({ ...row })),
  );

/** A row of the other organization, each value as text, with the changes of columns that it has. */
async function copied(table: string, changes: Record<string, unknown>): Promise<Json> {
  const columns = await api.root`
    select format('%I::text', column_name) as text from information_schema.columns
    where table_schema = 'public' and table_name = ${table} and is_generated = 'NEVER'`;
  const texts = columns.map(({ text }) => text).join(', ');
  const [row] = await api.root.unsafe(`select ${texts} from ${table} where organization_id = '${theirs}' limit 1`);
  return { ...row, ...Object.fromEntries(Object.entries(changes).filter(([name]) => row && name in row)) };
}
/** With literals, because Citus inserts the rows of a SELECT by COPY, which no policy allows. */
const insert = (table: string, row: Json, user?: string) =>
  withBinding(api, { organization: ours, ...(user && { user }) }, async (tx) => {
    const literal = (value: string | null) => (value === null ? 'null' : `'${value.replaceAll("'", "''")}'`);
    const values = Object.values(row as Record<string, string | null>).map(literal);
    return await tx.unsafe(`insert into ${table} (${Object.keys(row)}) values (${values})`);
  });

/** Whether the runtime role may do this with the table. `catalog.test.ts` lists what it may not do. */
const isAllowed = async (table: string, privilege: 'UPDATE' | 'DELETE'): Promise<boolean> =>
  (await api.sql`select has_table_privilege(${table}, ${privilege}) as allowed`)[0]?.['allowed'];

const DIRECTORIES = ['memberships', 'organization_secrets', 'organization_slugs'];

test('every tenant table has rows of both organizations', async () => {
  expect(tenants.length).toBeGreaterThan(6);
  // The rows of a new table come from the entry of its resource in test/support/resources.ts.
  for (const table of tenants)
    for (const organization of [ours, theirs])
      expect(await count(table, `organization_id = '${organization}'`), table).toBeGreaterThan(0);
});

test.each(tenants)('%s returns no rows to a transaction without a bound organization', async (table) => {
  expect(await (await api.sql.unsafe(`select from ${table}`)).length).toBe(0);
  expect(await select(table, {})).toEqual([]);
  expect(await select(table, { user: uuidOf('usr', acme.owner.userId) })).toEqual([]);
  expect(await select(table, { organization: newId() })).toEqual([]);
  await expect(select(table, { organization: "' or true --" })).rejects.toThrow('invalid input syntax for type uuid');
});

test.each(tenants)('%s returns exactly the rows of the bound organization', async (table) => {
  const rows = await select(table, { organization: ours });
  expect(rows).toHaveLength(await count(table, `organization_id = '${ours}'`));
  expect(new Set(rows.map((row) => row['organization_id']))).toEqual(new Set([ours]));
});

test.each(tenants)('%s rejects inserts, updates and deletes of rows of another organization', async (table) => {
  const before = await dumpRows(api);
  // Citus never moves a row of a distributed table to another shard. It refuses this before it checks the grants, which the
  // update that keeps the value still needs.
  const isMoveRefused = inject('engine') === 'citus' && !DIRECTORIES.includes(table);
  const violates = new RegExp(`new row violates row-level security policy for table "${table}(_\\d+)?"`);
  const foreign = await copied(table, table === 'people' ? {} : { id: newId() });
  await expect(insert(table, foreign)).rejects.toThrow(violates);
  // A user of the other organization cannot insert the row either, as long as this one is bound.
  await expect(insert(table, foreign, foreign.user_id ?? foreign.id)).rejects.toThrow(violates);

  const run = (statement: string) => withBinding(api, { organization: ours }, (tx) => tx.unsafe(statement));
  const denied = `permission denied for table ${table}`;
  const [canUpdate, canDelete] = [await isAllowed(table, 'UPDATE'), await isAllowed(table, 'DELETE')];
  await expect(run(`update ${table} set organization_id = '${theirs}'`)).rejects.toThrow(
    isMoveRefused ? 'modifying the partition value of rows is not allowed' : canUpdate ? violates : denied,
  );
  const update = run(`update ${table} set organization_id = organization_id where organization_id = '${theirs}'`);
  await (canUpdate ? expect(update).resolves.toMatchObject({ count: 0 }) : expect(update).rejects.toThrow(denied));
  const remove = run(`delete from ${table} where organization_id = '${theirs}'`);
  await (canDelete ? expect(remove).resolves.toMatchObject({ count: 0 }) : expect(remove).rejects.toThrow(denied));
  expect(await dumpRows(api)).toEqual(before);
});

test('the same row is accepted in a transaction bound to its organization', async () => {
  const row = await copied('categories', { organization_id: ours, id: newId(), name: 'Taken', alias: null });
  await expect(insert('categories', row)).resolves.toMatchObject({ count: 1 });
});

const keys = await api.root`
  select f.conname as name, f.conrelid::regclass::text as table, f.confrelid::regclass::text as target,
    a.attname::text as column, b.attname::text as key,
    exists (select from pg_index u
      where u.indrelid = f.conrelid and u.indisunique and a.attnum = any (u.indkey)) as "isUnique"
  from pg_constraint f
  join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[2]
  join pg_attribute b on b.attrelid = f.confrelid and b.attnum = f.confkey[2]
  where f.contype = 'f' and f.confrelid::regclass::text = any (${tenants})`;

test('the schema has foreign keys to test', () => {
  expect(keys.map((key) => key['name']).sort()).toEqual(
    expect.arrayContaining([
      'api_tokens_principal',
      'assignments_role',
      'checks_category',
      'checks_owner',
      'people_member',
    ]),
  );
});

test.each(keys.map((key) => [key['name'], key] as const))(
  '%s cannot refer to a row of another organization, even for a superuser',
  async (name, { table, target, column, key, isUnique }) => {
    // Changes a row that has a reference. Every foreign ID fails, and another ID of the own organization succeeds.
    const point = (value: string) =>
      api.root.begin(async (tx) => {
        const [found] = await tx.unsafe(
          `select to_jsonb(${table}) as row from ${table} where organization_id = '${ours}' and ${column} is not null
            and ${column} <> $1 order by to_jsonb(${table})->>'project_id' nulls last limit 1`,
          [value],
        );
        // Otherwise another row with this reference could be the reason to refuse it.
        if (isUnique)
          await tx.unsafe(`delete from ${table} where organization_id = '${ours}' and ${column} = $1`, [value]);
        // All IDs of the row, because some tables have no ID of their own.
        const ids = Object.entries(found?.['row'] as object)
          .filter(([name, id]) => /(^|_)id$/.test(name) && id !== null)
          .map(([name, id]) => `${name} = '${id}'`);
        const { count } = await tx.unsafe(`update ${table} set ${column} = $1 where ${ids.join(' and ')}`, [value]);
        expect(count).toBe(1);
        throw new Error('undo');
      });
    const valuesOf = async (organization: string): Promise<string[]> =>
      (
        await api.root.unsafe(
          `select ${key} as value from ${target} where organization_id = '${organization}' and ${key} is not null`,
        )
      ).map((row) => row['value'] as string);

    const [own, other] = [await valuesOf(ours), await valuesOf(theirs)];
    expect([own.length > 1, other.length > 0]).toEqual([true, true]);
    for (const value of other)
      await expect(point(value)).rejects.toMatchObject({
        ...{ code: '23503', message: expect.stringMatching(new RegExp(`constraint "${name}(_\\d+)?"`)) },
      });
    const ends = await Promise.all(own.map((value) => point(value).catch((error: Error) => error.message)));
    expect(ends).toContain('undo');
  },
);

test('tables of the instance return only the bound organization, its sessions and the bound user', async () => {
  const [me, them] = [uuidOf('usr', acme.owner.userId), uuidOf('usr', globex.owner.userId)];
  for (const table of ['organizations', 'users', 'sessions', 'refresh_tokens'])
    expect(await select(table, {}, table === 'refresh_tokens' ? 'hash' : 'id'), table).toEqual([]);

  const here = { organization: ours };
  expect(await select('organizations', here, 'id')).toEqual([{ id: ours }]);
  const ids = async (table: string, where: string) =>
    (await api.root.unsafe(`select id from ${table} where ${where} order by id`)).map((row) => ({ ...row }));
  // An organization sees its members as people, and no account.
  const members = await ids('users', `id in (select user_id from principals where organization_id = '${ours}')`);
  expect(members.length).toBeGreaterThanOrEqual(2);
  expect(await select('(select id from people order by id) p', here, 'id')).toEqual(members);
  expect(await select('users', here, 'id')).toEqual([]);
  const sessions = await ids('sessions', `organization_id = '${ours}'`);
  expect(await select('(select id from sessions order by id) s', here, 'id')).toEqual(sessions);
  expect(await select('refresh_tokens', here, 'hash')).toEqual([]);

  const tokens = await select('refresh_tokens', { user: me }, 'session_id');
  expect(tokens.length).toBeGreaterThan(0);
  const mine = await ids('sessions', `user_id = '${me}'`);
  expect(tokens.every((token) => mine.some((session) => session['id'] === token['session_id']))).toBe(true);
  expect(await select('users', { user: them }, 'id')).toEqual([{ id: them }]);
  expect(await select('users', { organization: ours, user: them }, 'id')).toEqual([{ id: them }]);
});

test('a transaction cannot write rows of other users and organizations in tables of the instance', async () => {
  const before = await dumpRows(api);
  const [me, them] = [uuidOf('usr', acme.owner.userId), uuidOf('usr', globex.owner.userId)];
  const [session] = await api.root`select id from sessions where user_id = ${them} limit 1`;
  const run = (statement: string) => withBinding(api, { organization: ours, user: me }, (tx) => tx.unsafe(statement));
  const touched = [
    `update organizations set name = 'Taken over' where id <> '${ours}'`,
    `delete from organizations where id <> '${ours}'`,
    `update organization_slugs set slug = 'mine' where slug = 'globex'`,
    `update users set name = 'Taken over' where id <> '${me}'`,
    `update sessions set expires_at = now() + interval '1 year' where user_id <> '${me}'`,
    `delete from sessions where organization_id <> '${ours}' and user_id <> '${me}'`,
    `update refresh_tokens set used_at = null where session_id = '${session?.['id']}'`,
  ];
  for (const statement of touched) expect((await run(statement)).count, statement).toBe(0);
  const refused = [
    `insert into organizations (id, slug, name) values ('${newId()}', 'mine', 'Mine')`,
    `insert into organization_slugs (slug, organization_id) values ('mine', '${theirs}')`,
    `insert into organization_secrets (hash, organization_id) values ('known', '${theirs}')`,
    `insert into users (id, email, name) values ('${newId()}', 'x@y.test', 'X')`,
    `insert into passwords (user_id, hash) values ('${them}', '')`,
    `insert into sessions (id, user_id, address, expires_at) values ('${newId()}', '${them}', '', now())`,
    `insert into sessions (id, user_id, organization_id, address, expires_at) values ('${newId()}', '${me}', '${theirs}', '', now())`,
    `update sessions set organization_id = '${theirs}' where user_id = '${me}'`,
    `insert into refresh_tokens (hash, session_id, user_id) values ('known', '${session?.['id']}', '${them}')`,
  ];
  for (const statement of refused)
    await expect(run(statement), statement).rejects.toThrow('new row violates row-level security policy');
  for (const statement of ['delete from users', `update passwords set hash = ''`, 'delete from passwords'])
    await expect(run(statement), statement).rejects.toThrow('permission denied');
  const constant = [`id = '${newId()}'`, `email = 'x@y.test'`, `name = 'X'`, `created_at = now()`];
  for (const change of constant)
    await expect(run(`update users set ${change}`), change).rejects.toThrow(/a column of users(_\d+)? must not change/);
  for (const change of [`id = '${newId()}'`, `created_at = now()`])
    await expect(run(`update organizations set ${change}`), change).rejects.toThrow(
      /violates row-level security|a column of organizations(_\d+)? must not change|modifying the partition value/,
    );
  expect(await dumpRows(api)).toEqual(before);
});

test('a refresh token of one user does not refresh the session of another', async () => {
  const me = uuidOf('usr', acme.owner.userId);
  const [other] = await api.root`select id from sessions where user_id = ${uuidOf('usr', globex.owner.userId)} limit 1`;
  const [own] = await api.root`select id from sessions where user_id = ${me} limit 1`;
  const found = (session: string) =>
    withBinding(api, { user: me }, async (tx) => {
      await tx`insert into refresh_tokens (hash, session_id, user_id) values ('known', ${session}, ${me})`;
      const rows = await tx`select session_id as id from ambit.find_refresh_token('known')`;
      await tx`delete from refresh_tokens where hash = 'known'`;
      return rows.map((row) => ({ ...row }));
    });
  expect(await found(own?.['id'])).toEqual([{ ...own }]);
  expect(await found(other?.['id'])).toEqual([]);
});

test.each([
  ['people', `insert into people (organization_id, id, email, name) values ($1, $2, 'x@y.test', 'X')`],
  [
    'memberships',
    'insert into memberships (organization_id, user_id, principal_id) values ($1, $2, gen_random_uuid())',
  ],
])('a transaction adds to %s only its own user, in its own organization', async (table, statement) => {
  const before = await dumpRows(api);
  const [me, them] = [uuidOf('usr', acme.owner.userId), uuidOf('usr', globex.owner.userId)];
  const add = (organization: string, user: string, bound: { organization?: string; user?: string }) =>
    withBinding(api, bound, async (tx) => {
      if (table === 'people' && bound.user === user && organization === ours)
        await tx`insert into principals (organization_id, id, user_id) values (${organization}, ${newId()}, ${user})`;
      await tx.unsafe(statement, [organization, user]);
      throw new Error('undo');
    });
  const violates = new RegExp(`new row violates row-level security policy for table "${table}(_\\d+)?"`);
  await expect(add(ours, them, { organization: ours, user: me })).rejects.toThrow(violates);
  await expect(add(ours, them, { organization: ours })).rejects.toThrow(violates);
  await expect(add(ours, them, { user: them })).rejects.toThrow('row-level security policy');
  await expect(add(theirs, me, { organization: ours, user: me })).rejects.toThrow(violates);
  await expect(add(theirs, me, { user: me })).rejects.toThrow(violates);
  await expect(add(ours, them, { organization: ours, user: them })).rejects.toThrow('undo');
  expect(await dumpRows(api)).toEqual(before);
});

test('a transaction creates a member only for its own user, and changes the user of no member', async () => {
  const before = await dumpRows(api);
  const [me, them] = [uuidOf('usr', acme.owner.userId), uuidOf('usr', globex.owner.userId)];
  const join = (user: string, bound: string | undefined) =>
    withBinding(api, { organization: ours, ...(bound && { user: bound }) }, async (tx) => {
      await tx`insert into principals (organization_id, id, user_id) values (${ours}, ${newId()}, ${user})`;
      throw new Error('undo');
    });
  const violates = /new row violates row-level security policy for table "principals(_\d+)?"/;
  await expect(join(them, me)).rejects.toThrow(violates);
  await expect(join(them, undefined)).rejects.toThrow(violates);
  await expect(join(them, them)).rejects.toThrow('undo');
  const run = (statement: string) => withBinding(api, { organization: ours, user: me }, (tx) => tx.unsafe(statement));
  const change = run(`update principals set user_id = '${them}' where user_id = '${me}'`);
  await expect(change).rejects.toThrow('user_id must not change');
  expect(await dumpRows(api)).toEqual(before);
});

test('a transaction cannot set back the version under which grants are cached', async () => {
  const set = (value: string) =>
    withBinding(api, { organization: ours }, async (tx) => {
      await tx.unsafe(`update organizations set access_version = ${value}, name = name where id = '${ours}'`);
      throw new Error('undo');
    });
  await expect(set('access_version - 1')).rejects.toThrow('access_version must not decrease');
  await expect(set('0')).rejects.toThrow('access_version must not decrease');
  for (const value of ['access_version', 'access_version + 1']) await expect(set(value)).rejects.toThrow('undo');
});

test('the deletion of an organization leaves its ID in no table but the audit log', async () => {
  const tables = await api.root`select tablename as name from pg_tables where schemaname = 'public' order by 1`;
  const mentions = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const { name } of tables)
      if ((await count(name, `to_jsonb(${name})::text like '%${theirs}%'`)) > 0) found.push(name);
    return found;
  };
  const log = ['audit_event_targets', 'audit_events'];
  // All tables with the column, also those in which it can be null, and the organization itself.
  const columns = await api.root`
    select table_name as name from information_schema.columns
    where table_schema = 'public' and column_name = 'organization_id' order by 1`;
  const all = [...columns.map((column) => column['name'] as string), 'organizations'].sort();
  expect(all).toEqual(expect.arrayContaining([...tenants, 'sessions', ...log]));
  expect(await mentions()).toEqual(all);
  const others = await dumpRows(api, log);
  const kept = Object.entries(others).map(([table, rows]) => [
    table,
    (rows as string[]).filter((row) => !row.includes(theirs)),
  ]);
  const sessions = new Set(
    (await api.root`select id from sessions where organization_id = ${theirs}`).map(({ id }) => id),
  );
  expect(sessions.size).toBeGreaterThan(1);

  const input = { id: globex.id, slug: globex.slug };
  expect(await mutate(globex.owner, 'deleteOrganization', input)).toEqual({ errors: [] });
  expect(await mentions()).toEqual(log);
  expect(await differencesOfDirectories(api.root)).toEqual([]);
  // Nothing else was deleted, but the refresh tokens of its sessions.
  const isLeft = (row: string): boolean => !sessions.has(JSON.parse(row).session_id);
  expect(await dumpRows(api, log)).toEqual(
    Object.fromEntries(
      kept.map(([table, rows]) => [table, table === 'refresh_tokens' ? (rows as string[]).filter(isLeft) : rows]),
    ),
  );
});
