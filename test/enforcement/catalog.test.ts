import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import { expect, inject, test } from 'vitest';
import { assertRuntimeRole, connect, RUNTIME_ROLE } from '../../src/db/client.ts';
import { fromPublicId, newId } from '../../src/lib/ids.ts';
import { startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';
import { tenantTables, uuidOf, withBinding } from './support.ts';

/** Row-level security and grants according to the database's catalog, so that no table is forgotten. */
const api = await startApi();

/** Tables without tenant isolation by organization. Add a table only with a documented reason. */
const INSTANCE_TABLES: Record<string, string> = {
  organizations: 'the tenants: policies use the id',
  users: 'the accounts: visible to the user only, because organizations see their members as people',
  passwords: 'belong to an account: readable by nobody',
  sessions: 'a user can sign in without an organization: visible to the user and in the bound organization',
  refresh_tokens: 'belong to a session',
  signing_keys: 'sign the access tokens of all organizations',
  rate_limits: 'count attempts of anonymous callers',
  setup_secrets: 'create the first account, before there is an organization',
};

/** Tables of the instance that find the organization of something. Add a table only with a documented reason. */
const DIRECTORIES: Record<string, string> = {
  memberships: 'the organizations of a user',
  organization_secrets: 'the organization of an API token or an invitation, by the hash of its secret',
  organization_slugs: 'the organization of a slug, which is unique in the instance',
};

/** The extension Citus has views of its own tables in this schema. */
const isOfCitus = api.root`exists (
  select from pg_depend d join pg_extension e on e.oid = d.refobjid
  where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e' and e.extname = 'citus')`;

const tables = await api.root`
  select c.oid::int, c.relname as name, c.relrowsecurity as secured, c.relforcerowsecurity as forced, c.relkind as kind,
         pg_get_userbyid(c.relowner) as owner
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind not in ('i', 'I', 't', 'c')
    and not ${isOfCitus} order by 1`;
const isolated = await tenantTables(api);
const tenants = isolated.filter((name) => !Object.hasOwn(DIRECTORIES, name));
const names = tables.map((table) => table['name'] as string);

test('every relation is a tenant table, or a listed directory or table of the instance', async () => {
  // A view would read with the rights of its owner.
  expect(tables.filter((table) => table['kind'] !== 'r').map((table) => table['name'])).toEqual([]);
  expect(names.filter((name) => !isolated.includes(name)).sort()).toEqual(Object.keys(INSTANCE_TABLES).sort());
  const directories =
    await api.root`select tablename as name from pg_policies where policyname = 'directory' order by 1`;
  expect(directories.map((table) => table['name'])).toEqual(Object.keys(DIRECTORIES));
  expect(tenants).toContain('checks');
});

test('every table forces row-level security, and the runtime role does not own it', () => {
  const open = tables.filter((table) => !table['secured'] || !table['forced'] || table['owner'] === RUNTIME_ROLE);
  expect(open.map((table) => table['name'])).toEqual([]);
});

test('every primary key and unique index of a tenant table begins with the organization', async () => {
  const keys = await api.root`
    select i.indrelid::regclass::text as table, i.indexrelid::regclass::text as name, i.indisprimary as primary,
           pg_get_indexdef(i.indexrelid, 1, true) as first
    from pg_index i where i.indisunique and i.indrelid::regclass::text = any (${tenants})`;
  expect(keys.filter((key) => key['first'] !== 'organization_id').map((key) => key['name'])).toEqual([]);
  expect(
    keys
      .filter((key) => key['primary'])
      .map((key) => key['table'])
      .sort(),
  ).toEqual(tenants);
});

test('every foreign key between tenant tables begins with the organization on both sides', async () => {
  const keys = await api.root`
    select f.conname as name, f.conrelid::regclass::text as from, f.confrelid::regclass::text as to,
      array(select attname::text from unnest(f.conkey) with ordinality k (num, at)
            join pg_attribute on attrelid = f.conrelid and attnum = num order by at) as columns,
      array(select attname::text from unnest(f.confkey) with ordinality k (num, at)
            join pg_attribute on attrelid = f.confrelid and attnum = num order by at) as targets
    from pg_constraint f where f.contype = 'f'`;
  const into = keys.filter((key) => tenants.includes(key['to']));
  expect(into.length).toBeGreaterThan(4);
  const begins = (columns: string[]): boolean => columns[0] === 'organization_id';
  expect(into.filter((key) => !begins(key['columns']) || !begins(key['targets'])).map((key) => key['name'])).toEqual(
    [],
  );
  // No reference leads out of the organization or into it. A cluster could not check one, because the tables of the
  // instance and those of the tenants are on different servers.
  const isTenant = (table: string): boolean => table === 'organizations' || tenants.includes(table);
  const across = keys.filter((key) => isTenant(key['from']) !== isTenant(key['to']));
  expect(across.map((key) => key['name'])).toEqual([]);
  const toTenant = keys.filter((key) => key['to'] === 'organizations');
  expect(toTenant.length).toBeGreaterThan(1);
  expect(toTenant.filter((key) => !begins(key['columns'])).map((key) => key['name'])).toEqual([]);
});

test('the runtime role is no superuser, bypasses no policy, owns nothing and is in no other role', async () => {
  const [role] = await api.root`
    select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin,
      rolpassword is not null as "hasPassword",
      exists (select from pg_class where relowner = r.oid) or exists (select from pg_proc where proowner = r.oid)
        or exists (select from pg_namespace where nspowner = r.oid) as owns,
      exists (select from pg_auth_members where member = r.oid) as joined,
      exists (select from pg_namespace n where nspname !~ '^pg_' and has_schema_privilege(r.oid, n.oid, 'CREATE')) as creates
    from pg_authid r where rolname = ${RUNTIME_ROLE}`;
  expect(Object.keys(role ?? {})).toHaveLength(10);
  // The nodes of a cluster connect to each other as this role.
  const allowed = inject('engine') === 'citus' ? ['rolcanlogin'] : [];
  expect(Object.keys(role ?? {}).filter((name) => role?.[name] !== false)).toEqual(allowed);
});

test('only the runtime role and the lookup role have grants, and neither can truncate a table or add triggers', async () => {
  const grants = await api.root`
    select distinct c.relname as table, case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee) end as role,
           a.privilege_type as privilege
    from pg_class c left join pg_attribute t on t.attrelid = c.oid and t.attacl is not null,
      aclexplode(array_cat(c.relacl, t.attacl)) a
    where c.relnamespace = 'public'::regnamespace and a.grantee <> c.relowner and not ${isOfCitus}`;
  expect(grants.length).toBeGreaterThan(40);
  expect(new Set(grants.map((grant) => grant['role']))).toEqual(new Set([RUNTIME_ROLE, 'ambit_lookup']));
  const used = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
  expect(grants.filter((grant) => !used.includes(grant['privilege']))).toEqual([]);
});

/** What the runtime role may not do with a table of `isolated`. A privilege on a single column counts as well. */
const REFUSED: Record<string, string[]> = {
  audit_event_targets: ['UPDATE', 'DELETE'],
  audit_events: ['UPDATE', 'DELETE'],
  memberships: ['UPDATE'],
  people: ['UPDATE', 'DELETE'],
};

test('the runtime role may do everything with a tenant table but what is listed', async () => {
  const refused = await api.root`
    select c.relname as table, p.name as privilege
    from pg_class c, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) with ordinality as p (name, at)
    where c.relnamespace = 'public'::regnamespace and c.relname = any (${isolated})
      and not has_table_privilege(${RUNTIME_ROLE}, c.oid, p.name)
      and (p.name = 'DELETE' or not has_any_column_privilege(${RUNTIME_ROLE}, c.oid, p.name))
    order by 1, p.at`;
  const byTable = Map.groupBy(refused, (row) => row['table'] as string);
  expect(Object.fromEntries([...byTable].map(([table, rows]) => [table, rows.map((row) => row['privilege'])]))).toEqual(
    REFUSED,
  );
});

test('the runtime role cannot read password hashes, and cannot update or delete audit events', async () => {
  const { owner } = await createOrganization(api, 'reader');
  const bindings = [{}, { organization: newId() }, { user: uuidOf('usr', owner.userId) }];
  const statements = [
    'select hash from passwords',
    'select * from passwords',
    'select from passwords',
    "select from passwords where hash like '$argon2id%'",
    "update passwords set hash = ''",
    'delete from passwords',
    `insert into passwords (user_id, hash) values ('${newId()}', '') returning hash`,
    `insert into passwords (user_id, hash) values ('${newId()}', '') on conflict (user_id) do update set hash = ''`,
  ];
  for (const binding of bindings)
    for (const statement of statements)
      await expect(
        withBinding(api, binding, (tx) => tx.unsafe(statement)),
        statement,
      ).rejects.toThrow('permission denied for table passwords');
  await expect(api.sql`select * from users`).resolves.toEqual([]);
  for (const statement of ["update audit_events set actor = ''", 'delete from audit_events', 'truncate audit_events'])
    await expect(api.sql.unsafe(statement), statement).rejects.toThrow('permission denied for table audit_events');
  await expect(api.sql`select * from audit_events`).resolves.toEqual([]);
});

test.each([
  ['set row_security = off; select * from checks', 'would be affected by row-level security'],
  ['alter table checks disable row level security', 'must be owner'],
  ['alter table checks no force row level security', 'must be owner'],
  ['drop policy tenant on checks', 'must be owner'],
  ['create policy mine on checks using (true)', 'must be owner'],
  [
    'create trigger mine before insert on audit_events for each row execute function suppress_redundant_updates_trigger()',
    'permission denied',
  ],
  ['set session_replication_role = replica', 'permission denied'],
  ['create table mine ()', 'permission denied'],
  ['create function ambit.mine() returns int language sql return 1', 'permission denied'],
  ["call ambit.protect('users')", 'permission denied'],
  // The message of PostgreSQL 15, and of later versions.
  ['alter role ambit_runtime bypassrls', /must be superuser|permission denied/],
  ['grant select on passwords to ambit_runtime; select hash from passwords', 'permission denied'],
  ["call ambit.protect_directory('users')", 'permission denied'],
  ["call ambit.simplify_policies('users')", 'permission denied'],
  ["call ambit.distribute('users', null)", 'permission denied'],
])('the runtime role cannot disable row-level security: %s', async (statement, why) => {
  await expect(api.sql.begin((tx) => tx.unsafe(statement))).rejects.toThrow(why);
});

test('the server refuses to start as a superuser, as an owner or with BYPASSRLS', async () => {
  await expect(assertRuntimeRole(api.sql)).resolves.toBeUndefined();
  await expect(assertRuntimeRole(api.root)).rejects.toThrow('could bypass row-level security');
  const as = (setup: string) =>
    api.root.begin(async (tx) => {
      await tx.unsafe(`create role ambit_test_tmp; ${setup}; set local role ambit_test_tmp`);
      await expect(assertRuntimeRole(tx as unknown as Sql)).rejects.toThrow('ambit_test_tmp could bypass');
      throw new Error('undo');
    });
  await expect(as('alter role ambit_test_tmp bypassrls')).rejects.toThrow('undo');
  await expect(as('create table public.tmp (); alter table public.tmp owner to ambit_test_tmp')).rejects.toThrow(
    'undo',
  );
});

/** Changes columns that must not change, as the runtime role and as the login itself. */
async function refuseColumns(sql: Sql, user: string, organization: string): Promise<void> {
  const changes = [
    `update users set email = 'x@y.test' where id = '${user}'`,
    `update users set name = 'X' where id = '${user}'`,
    `update users set created_at = now() where id = '${user}'`,
    `update organizations set created_at = now() where id = '${organization}'`,
  ];
  for (const role of [RUNTIME_ROLE, 'none'])
    for (const change of changes) {
      const run = sql.begin(async (tx) => {
        await tx.unsafe(`set local role ${role}`);
        await tx`select ambit.bind(${organization}, ${user})`;
        await tx.unsafe(change);
      });
      await expect(run, `${role}: ${change}`).rejects.toThrow(/a column of \w+ must not change/);
    }
}

test('a login in the runtime role can serve requests and cannot change to another role', async () => {
  const login = `login_${randomUUID().replaceAll('-', '')}`;
  await api.root.unsafe(`create role ${login} login password 'secret' in role ${RUNTIME_ROLE}`);
  const url = new URL(api.url);
  [url.username, url.password] = [login, 'secret'];
  const pool = connect({ url: url.href, pool: 1, statementTimeout: 1000 });
  const { sql } = pool;
  try {
    const { id, owner } = await createOrganization(api, 'acme');
    expect(await sql`select current_user as name`).toEqual([{ name: RUNTIME_ROLE }]);
    expect(await sql`select * from principals`).toEqual([]);
    for (const role of ['postgres', 'ambit_lookup'])
      await expect(sql.unsafe(`set role ${role}`)).rejects.toThrow('permission denied to set role');
    await sql`reset role`;
    expect(await sql`select current_user as name`).toEqual([{ name: RUNTIME_ROLE }]);
    await refuseColumns(sql, uuidOf('usr', owner.userId), fromPublicId('org', id) ?? '');
  } finally {
    await pool.end();
    await api.root.unsafe(`drop role ${login}`);
  }
});
