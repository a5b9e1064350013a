import { expect, test } from 'vitest';
import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { startApi } from '../support/api.ts';
import { createOrganization, signIn } from '../support/world.ts';
import { uuidOf } from './support.ts';

/** The role that deletes expired sessions of all organizations. */
const api = await startApi();
const { root } = api;
const acme = await createOrganization(api, 'acme');

test('ambit_cleaner may read and delete sessions, and has no other right', async () => {
  const privileges = await root`
    select c.relname as table, p.name as privilege
    from pg_class c, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p (name)
    where c.relnamespace in ('public'::regnamespace, 'pgboss'::regnamespace) and c.relkind in ('r', 'p')
      and (has_table_privilege('ambit_cleaner', c.oid, p.name)
        or p.name in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') and has_any_column_privilege('ambit_cleaner', c.oid, p.name))
    order by 1, 2`;
  expect(privileges.map((row) => ({ ...row }))).toEqual([
    { table: 'sessions', privilege: 'DELETE' },
    { table: 'sessions', privilege: 'SELECT' },
  ]);
  const [role] = await root`
    select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin,
      rolpassword is not null as "hasPassword",
      exists (select from pg_auth_members where member = r.oid) as joined,
      exists (select from pg_class where relowner = r.oid) as owns,
      exists (select from pg_namespace n where nspname !~ '^pg_' and has_schema_privilege(r.oid, n.oid, 'CREATE')) as creates
    from pg_authid r where rolname = 'ambit_cleaner'`;
  expect(Object.keys(role ?? {})).toHaveLength(10);
  expect(Object.keys(role ?? {}).filter((name) => role?.[name] !== false)).toEqual([]);
});

test('its function is owned by it, fixes the search path and is executable by the runtime role only', async () => {
  const [one] = await root`
    select pg_get_userbyid(proowner) as owner, prosecdef as definer, proconfig as config,
      array(select case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee) end
            from aclexplode(proacl) a where a.grantee <> proowner) as callers
    from pg_proc where oid = 'ambit.delete_expired_sessions(integer)'::regprocedure`;
  const config = ['search_path=pg_catalog, pg_temp'];
  expect({ ...one }).toEqual({ owner: 'ambit_cleaner', definer: true, config, callers: [RUNTIME_ROLE] });
  const owned = await root`select proname as name from pg_proc where proowner = 'ambit_cleaner'::regrole`;
  expect(owned.map(({ name }) => name)).toEqual(['delete_expired_sessions']);
});

test('it sees and deletes only sessions that expired an hour ago, and at most as many as it is told', async () => {
  const sessionOf = async () => {
    const person = await signIn(api, acme.owner.email, 'acme');
    return uuidOf('ses', (await person.query('{ viewer { credential { id } } }')).data.viewer.credential.id);
  };
  const [live, recent, ...old] = [await sessionOf(), await sessionOf(), await sessionOf(), await sessionOf()];
  await root`update sessions set expires_at = now() - interval '50 minutes' where id = ${recent ?? ''}`;
  await root`update sessions set expires_at = now() - interval '70 minutes' where id = any(${old})`;
  const seen = await root.begin(async (tx) => {
    await tx`set local role ambit_cleaner`;
    return await tx`select id from sessions order by id`;
  });
  expect(seen.map(({ id }) => id)).toEqual(old.toSorted());
  const direct = root.begin(async (tx) => {
    await tx`set local role ambit_cleaner`;
    const { count } = await tx`delete from sessions`;
    throw new Error(`deleted ${count}`);
  });
  await expect(direct).rejects.toThrow('deleted 2');
  const clean = async (maximum: number) =>
    (await api.sql`select ambit.delete_expired_sessions(${maximum}) as deleted`)[0]?.['deleted'];
  expect([await clean(1), await clean(10), await clean(10)]).toEqual([1, 1, 0]);
  const left = (await root`select id from sessions`).map(({ id }) => id);
  expect([live, recent, ...old].map((id) => left.includes(id))).toEqual([true, true, false, false]);
  const orphans = await root`select from refresh_tokens where session_id not in (select id from sessions)`;
  expect(orphans).toEqual([]);
});
