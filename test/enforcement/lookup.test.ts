import { expect, inject, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { hashSecret } from '../../src/lib/secret.ts';
import { allow, createRole, giveRole } from '../decisions/support.ts';
import { type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  executeMutation,
  insertMembers,
  type Person,
  roleId,
  signIn,
} from '../support/world.ts';
import { createAndGetId, organizationUuid, secretFor, uuidOf } from './support.ts';

/** The functions that read across organizations, called by the runtime role without a bound organization. */
const api = await startApi();
const [acme, globex] = [await createOrganization(api, 'acme'), await createOrganization(api, 'globex')];
const admin = await addMember(api, acme, 'admin');
await addMember(api, globex, 'user');
const token = await createApiToken(api, admin, 'READ');
const TABLES = [
  'api_tokens',
  'assignments',
  'integration_events',
  'integrations',
  'invitations',
  'memberships',
  'organization_secrets',
  'organization_slugs',
  'organizations',
  'passwords',
  'principals',
  'projects',
  'refresh_tokens',
  'roles',
  'services',
  'sessions',
  'users',
];

// Later the member also joins another organization, with a custom role.
const [elsewhere = ''] = await insertMembers(api.root, organizationUuid(globex), [uuidOf('usr', admin.userId)]);
await api.root`
  insert into assignments (organization_id, id, principal_id, built_in_role_id)
  values (${organizationUuid(globex)}, ${newId()}, ${elsewhere}, ${roleByKey('read').id})`;
const auditor = await createRole(globex.owner, 'Auditor', [allow('*:read')]);
await giveRole(globex.owner, toPublicId('mem', elsewhere), auditor);

/** The current row of the organization. */
const planOf = async (slug: string) => {
  const [row] = await api.root`select plan, access_version from organizations where slug = ${slug}`;
  return { ...row };
};

const ask = async (name: string, argument: string | null): Promise<Json[]> =>
  (await api.sql.unsafe(`select * from ambit.${name}($1)`, [argument])).map((row) => ({ ...row }));

const sessionOf = async (person: Person): Promise<string> =>
  uuidOf('ses', (await person.query('{ viewer { credential { id } } }')).data.viewer.credential.id);

/** All columns that a credential of the Admin returns. */
const THE_ADMIN = {
  user_id: uuidOf('usr', admin.userId),
  email: admin.email,
  name: 'admin',
  user_created_at: expect.anything(),
  organization_id: organizationUuid(acme),
  slug: 'acme',
  organization_name: 'acme',
  principal_id: uuidOf('mem', admin.memberId),
  // `credential-check.test.ts` compares it with the other columns.
  version: expect.any(String),
};

/** Texts that would match several rows in a lookup with a pattern instead of equality. */
const GREEDY = ['', '%', '_', '.*', "' or true --", null];

test('find_user_by_email returns ID and password hash for this address only, ignoring case', async () => {
  const [row] = await api.root`
    select u.id, p.hash as password_hash from users u join passwords p on p.user_id = u.id where u.email = ${admin.email}`;
  expect(await ask('find_user_by_email', admin.email)).toEqual([{ ...row }]);
  expect(await ask('find_user_by_email', admin.email.toUpperCase())).toEqual([{ ...row }]);
  for (const address of [...GREEDY, ` ${admin.email}`, admin.email.slice(1), 'admin@'])
    expect(await ask('find_user_by_email', address), String(address)).toEqual([]);
});

test('find_memberships returns the organizations of this user only, in the order of joining', async () => {
  const rows = await ask('find_memberships', uuidOf('usr', admin.userId));
  expect(rows).toEqual([
    {
      organization_id: organizationUuid(acme),
      slug: 'acme',
      name: 'acme',
      principal_id: uuidOf('mem', admin.memberId),
      built_in_role_id: roleByKey('admin').id,
      role_name: null,
    },
    {
      organization_id: organizationUuid(globex),
      slug: 'globex',
      name: 'globex',
      principal_id: elsewhere,
      built_in_role_id: null,
      role_name: 'Auditor',
    },
  ]);
  expect((await ask('find_memberships', uuidOf('usr', globex.owner.userId))).map((row) => row.slug)).toEqual([
    'globex',
  ]);
  for (const nobody of [newId(), null, organizationUuid(acme), uuidOf('mem', admin.memberId)])
    expect(await ask('find_memberships', nobody)).toEqual([]);
});

test('find_member_organizations returns the organizations of this user only, in the order of joining', async () => {
  const [here, there] = [
    { organization_id: organizationUuid(acme), slug: 'acme' },
    { organization_id: organizationUuid(globex), slug: 'globex' },
  ];
  expect(await ask('find_member_organizations', uuidOf('usr', admin.userId))).toEqual([
    { ...here, principal_id: uuidOf('mem', admin.memberId) },
    { ...there, principal_id: elsewhere },
  ]);
  expect(await ask('find_member_organizations', uuidOf('usr', globex.owner.userId))).toEqual([
    { ...there, principal_id: uuidOf('mem', globex.owner.memberId) },
  ]);
  for (const nobody of [newId(), null, organizationUuid(acme), uuidOf('mem', admin.memberId)])
    expect(await ask('find_member_organizations', nobody)).toEqual([]);
});

test('find_secret_organization returns the organization of this secret only', async () => {
  const organizationOf = async (hash: string | null) =>
    (await ask('find_secret_organization', hash)).map((row) => row.find_secret_organization);
  const secrets = await api.root`
    select organization_id as id, hash from api_tokens union all select organization_id, hash from invitations
      union all select organization_id, hash from integrations`;
  expect(secrets.length).toBeGreaterThan(0);
  for (const { id, hash } of secrets) expect(await organizationOf(hash)).toEqual([id]);
  for (const other of [...GREEDY, newId()]) expect(await organizationOf(other)).toEqual([null]);
});

test('find_refresh_token returns the session of this secret only, also of a used one', async () => {
  const REFRESH = `mutation ($t: String!) { refreshSession(input: { refreshToken: $t }) { session { refreshToken } errors { code } } }`;
  const person = await signIn(api, admin.email, 'acme');
  const expected = {
    session_id: await sessionOf(person),
    user_id: uuidOf('usr', admin.userId),
    organization_id: organizationUuid(acme),
    expires_at: expect.anything(),
  };
  const { session } = await executeMutation(api.as(), REFRESH, { t: person.refreshToken });
  for (const secret of [person.refreshToken, session.refreshToken])
    expect(await ask('find_refresh_token', hashSecret(secret))).toEqual([expected]);
  for (const hash of [...GREEDY, session.refreshToken, hashSecret('other')])
    expect(await ask('find_refresh_token', hash), String(hash)).toEqual([]);
});

test('find_session_actor returns the actor of this session only, without a member if no organization is selected', async () => {
  const session = await sessionOf(admin);
  const [row] = await ask('find_session_actor', session);
  const now = await planOf('acme');
  expect(row).toEqual({ credential_id: session, access: 'WRITE', expires_at: expect.anything(), ...THE_ADMIN, ...now });
  for (const other of [newId(), null, uuidOf('usr', admin.userId)])
    expect(await ask('find_session_actor', other)).toEqual([]);

  const loner = await signIn(api, admin.email, 'acme');
  const unbound = await sessionOf(loner);
  await api.root`update sessions set organization_id = null where id = ${unbound}`;
  const [alone] = await ask('find_session_actor', unbound);
  const nothing = { organization_id: null, slug: null, organization_name: null, principal_id: null };
  expect(alone).toMatchObject({ email: admin.email, ...nothing, plan: null, access_version: null });
});

const NOT_NARROWED = {
  kind: 'API_TOKEN',
  project_id: null,
  preset: null,
  permissions: null,
  project_ids: null,
  addresses: null,
};

test('find_token_actor returns the actor of this token only', async () => {
  const hash = hashSecret(token.token as string);
  const id = uuidOf('tok', token.id);
  expect(await ask('find_token_actor', hash)).toEqual([
    { ...NOT_NARROWED, credential_id: id, access: 'READ', expires_at: null, ...THE_ADMIN, ...(await planOf('acme')) },
  ]);
  for (const other of [...GREEDY, token.token as string, hash.toLowerCase(), hash.slice(1), id])
    expect(await ask('find_token_actor', other), String(other)).toEqual([]);
});

test('find_token_actor returns the name of a service account, and no user', async () => {
  const robot = { name: 'Robot', roleId: roleId('read') };
  const serviceAccountId = await createAndGetId(acme.owner, 'createServiceAccount', robot, 'serviceAccount');
  const MINT = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret errors { code } } }`;
  const { secret } = await executeMutation(acme.owner, MINT, { input: { name: 'Robot', serviceAccountId } });
  const [row] = await ask('find_token_actor', hashSecret(secret));
  const nobody = {
    user_id: null,
    email: null,
    user_created_at: null,
    name: 'Robot',
    principal_id: uuidOf('sva', serviceAccountId),
    version: expect.any(String),
  };
  const where = { organization_id: organizationUuid(acme), slug: 'acme', organization_name: 'acme' };
  const credential = { ...NOT_NARROWED, credential_id: expect.any(String), access: 'READ', expires_at: null };
  expect(row).toEqual({ ...credential, ...nobody, ...where, ...(await planOf('acme')) });
});

test('find_invitation returns the invitation of this secret only', async () => {
  const invite = async (email: string, role: string, by: Person) =>
    uuidOf('inv', await createAndGetId(by, 'createInvitations', { emails: [email], roleId: role }, 'invitations'));
  const id = await invite('Guest@Globex.test', auditor, globex.owner);
  await invite('guest@acme.test', roleId('user'), acme.owner);
  const hash = hashSecret(secretFor(api, 'Guest@Globex.test'));
  expect(await ask('find_invitation', hash)).toEqual([
    {
      organization_id: organizationUuid(globex),
      organization_name: 'globex',
      id,
      email: 'Guest@Globex.test',
      expires_at: expect.anything(),
      role_id: uuidOf('rol', auditor),
      role_name: 'Auditor',
      project_roles: [],
    },
  ]);
  const builtIn = await ask('find_invitation', hashSecret(secretFor(api, 'guest@acme.test')));
  expect(builtIn).toMatchObject([{ organization_name: 'acme', role_id: roleByKey('user').id, role_name: null }]);
  for (const other of [...GREEDY, secretFor(api, 'guest@acme.test'), hash.toLowerCase(), hash.slice(1), id])
    expect(await ask('find_invitation', other), String(other)).toEqual([]);
});

test('has_users returns only whether the instance has a user', async () => {
  const ask = (sql: typeof api.root) => sql`select * from ambit.has_users()`;
  expect([...(await ask(api.sql))]).toEqual([{ has_users: true }]);
  const changed = new Error('rolled back');
  const empty = api.root.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`delete from users`;
    await tx.unsafe(`set local role ${RUNTIME_ROLE}`);
    expect([...(await ask(tx as never))]).toEqual([{ has_users: false }]);
    throw changed;
  });
  await expect(empty).rejects.toBe(changed);
});

const functions = await api.root`
  select n.nspname || '.' || p.proname as name, p.prosecdef as definer, pg_get_userbyid(p.proowner) as owner,
    p.provolatile as volatility, p.proconfig as config,
    array(select case a.grantee when 0 then 'PUBLIC' else pg_get_userbyid(a.grantee) end
          from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee <> p.proowner) as callers
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname !~ '^(pg_|information_schema$)' order by 1`;

/** In a transaction, and outside of one. */
const CHECKS = [
  ['is_token_unchanged', 'is_session_unchanged'],
  ['check_token', 'check_session'],
] as const;

test('the checks of a credential return only whether it is unchanged', async () => {
  const { version } = (await ask('find_token_actor', hashSecret(token.token as string)))[0] as Json;
  const { organization_id: organization, user_id: user } = THE_ADMIN;
  const check = (name: string, key: string, ...rest: (string | null)[]): Promise<unknown> =>
    api.sql.begin(async (tx) => {
      const sql = name.startsWith('is_') ? tx : api.sql;
      return (await sql.unsafe(`select ambit.${name}($1, $2, $3, $4) as same`, [key, ...rest]))[0]?.['same'];
    });
  const hash = hashSecret(token.token as string);
  for (const [ofToken, ofSession] of CHECKS) {
    expect(await check(ofToken, hash, organization, user, version)).toBe(true);
    expect(await check(ofSession, newId(), organization, user, version)).toBe(false);
    for (const other of [null, '', `${version} `])
      expect(await check(ofToken, hash, organization, user, other)).toBe(false);
    for (const key of GREEDY.filter((text) => text !== null))
      expect(await check(ofToken, key, organization, user, version), key).toBe(false);
  }
});

test('list_organizations returns ids of organizations only, in their order, page by page', async () => {
  const all = [organizationUuid(acme), organizationUuid(globex)].sort();
  const list = async (previous: string | null, maximum: number) =>
    (await api.sql`select * from ambit.list_organizations(${previous}, ${maximum})`).map((row) => ({ ...row }));
  expect(await list(null, 10)).toEqual(all.map((id) => ({ list_organizations: id })));
  expect(await list(null, 1)).toEqual([{ list_organizations: all[0] }]);
  expect(await list(all[0] ?? '', 10)).toEqual([{ list_organizations: all[1] }]);
  expect(await list(all[1] ?? '', 10)).toEqual([]);
});

test('list_due_organizations returns ids of those given organizations that have a due service', async () => {
  const [here, there] = [organizationUuid(acme), organizationUuid(globex)];
  for (const organization of [here, there])
    for (const name of ['One', 'Two'])
      await api.root`insert into services (organization_id, id, name, next_evaluation_at)
        values (${organization}, ${newId()}, ${name}, ${organization === here ? '2020-01-01' : null}::timestamptz)`;
  const list = async (organizations: string[], due: string) =>
    (
      await api.sql.unsafe('select * from ambit.list_due_organizations($1::text::uuid[], $2::text::timestamptz)', [
        `{${organizations.join(',')}}`,
        due,
      ])
    ).map((row) => ({ ...row }));
  expect(await list([here, there], '2020-01-01')).toEqual([{ list_due_organizations: here }]);
  expect(await list([here, there], '2019-12-31')).toEqual([]);
  expect(await list([there, newId()], '2020-01-01')).toEqual([]);
  expect(await list([], '2020-01-01')).toEqual([]);
});

test('list_organizations_with_queued_events returns ids of those given organizations that have a queued event', async () => {
  const [here, there] = [organizationUuid(acme), organizationUuid(globex)];
  for (const organization of [here, there]) {
    const integration = newId();
    await api.root`insert into integrations (organization_id, id, name, type, hash, hint)
      values (${organization}, ${integration}, 'Builds', 'DEPLOY', ${newId()}, '0000')`;
    const status = organization === here ? 'QUEUED' : 'PROCESSED';
    for (const _ of [1, 2])
      await api.root`insert into integration_events (organization_id, id, integration_id, payload, size, status)
        values (${organization}, ${newId()}, ${integration}, '1', 1, ${status})`;
  }
  const list = async (...organizations: string[]) =>
    (
      await api.sql.unsafe('select * from ambit.list_organizations_with_queued_events($1::text::uuid[])', [
        `{${organizations.join(',')}}`,
      ])
    ).map((row) => ({ ...row }));
  expect(await list(here, there)).toEqual([{ list_organizations_with_queued_events: here }]);
  expect(await list(there, newId())).toEqual([]);
  expect(await list()).toEqual([]);
  await api.root`delete from integrations where name = 'Builds' and organization_id = any(${[here, there]})`;
});

test('list_users_with_expired_sessions returns ids of users only, of sessions that expired an hour ago', async () => {
  const person = await signIn(api, admin.email, 'acme');
  const session = await sessionOf(person);
  const list = async (maximum: number) =>
    (await api.sql`select * from ambit.list_users_with_expired_sessions(${maximum})`).map((row) => ({ ...row }));
  const expired = async (minutes: number): Promise<Json[]> => {
    await api.root`update sessions set expires_at = now() - ${`${minutes} minutes`}::interval where id = ${session}`;
    return await list(10);
  };
  expect(await expired(-10)).toEqual([]);
  expect(await expired(50)).toEqual([]);
  expect(await expired(70)).toEqual([{ list_users_with_expired_sessions: uuidOf('usr', admin.userId) }]);
  expect(await list(0)).toEqual([]);
});

test('no other function is a security definer', () => {
  // A new function needs a test above of everything that it returns.
  expect(functions.filter((one) => one['definer']).map((one) => one['name'])).toEqual([
    'ambit.find_invitation',
    'ambit.find_member_organizations',
    'ambit.find_memberships',
    'ambit.find_refresh_token',
    'ambit.find_secret_organization',
    'ambit.find_session_actor',
    'ambit.find_token_actor',
    'ambit.find_user_by_email',
    'ambit.has_users',
    // On Citus, these bind the transaction and read with the rights of the caller.
    ...(inject('engine') === 'citus' ? [] : CHECKS[0].toSorted().map((name) => `ambit.${name}`)),
    'ambit.list_due_organizations',
    'ambit.list_organizations',
    'ambit.list_organizations_with_queued_events',
    'ambit.list_users_with_expired_sessions',
  ]);
});

test('each runs as ambit_lookup, only reads, fixes the search path and is executable by the runtime role only', () => {
  for (const one of functions.filter((candidate) => candidate['definer']))
    expect(one).toMatchObject({
      owner: 'ambit_lookup',
      volatility: 's',
      config: ['search_path=pg_catalog, pg_temp'],
      callers: [RUNTIME_ROLE],
    });
  // These are no security definers, but they are for migrations only.
  for (const name of ['protect', 'protect_directory', 'simplify_policies', 'distribute'])
    expect(functions.find((one) => one['name'] === `ambit.${name}`)?.['callers'], name).toEqual([]);
});

test('temporary tables of the caller do not shadow the tables of a function', async () => {
  const rows = await api.sql.begin(async (tx) => {
    await tx`create temp table users (id uuid, email text) on commit drop`;
    await tx`create temp table passwords (user_id uuid, hash text) on commit drop`;
    await tx`insert into users values (gen_random_uuid(), 'made@up.test')`;
    await tx`insert into passwords select id, 'known' from users`;
    await tx`set local search_path = pg_temp, public`;
    return await tx`select * from ambit.find_user_by_email('made@up.test')`;
  });
  expect(rows).toEqual([]);
});

test('ambit_lookup can only read its tables', async () => {
  const privileges = await api.root`
    select c.relname as table, p.name as privilege
    from pg_class c, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p (name)
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and (has_table_privilege('ambit_lookup', c.oid, p.name)
        or p.name in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') and has_any_column_privilege('ambit_lookup', c.oid, p.name))
    order by 1`;
  expect(privileges.map((row) => ({ ...row }))).toEqual(TABLES.map((table) => ({ table, privilege: 'SELECT' })));

  const policies =
    await api.root`select tablename as table, cmd from pg_policies where roles && '{ambit_lookup,public}' order by 1`;
  expect(policies.map((row) => ({ ...row }))).toEqual(TABLES.map((table) => ({ table, cmd: 'SELECT' })));

  const [role] = await api.root`
    select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin,
      rolpassword is not null as "hasPassword",
      exists (select from pg_auth_members where member = r.oid) as joined,
      exists (select from pg_class where relowner = r.oid) as owns,
      exists (select from pg_namespace n where nspname !~ '^pg_' and has_schema_privilege(r.oid, n.oid, 'CREATE')) as creates
    from pg_authid r where rolname = 'ambit_lookup'`;
  expect(Object.keys(role ?? {})).toHaveLength(10);
  // The nodes of a cluster connect to each other as this role.
  const allowed = inject('engine') === 'citus' ? ['rolcanlogin'] : [];
  expect(Object.keys(role ?? {}).filter((name) => role?.[name] !== false)).toEqual(allowed);
});

test.each([
  'select * from checks',
  'select * from audit_events',
  'select private_jwk from signing_keys',
  "update users set email = ''",
  "update passwords set hash = ''",
  'delete from passwords',
  "update projects set name = ''",
  'delete from projects',
  'select * from people',
  'insert into memberships (organization_id, user_id, principal_id) select organization_id, gen_random_uuid(), principal_id from memberships',
  'delete from memberships',
  "update organization_slugs set slug = ''",
  'delete from organization_secrets',
  'select * from policies',
  'select * from role_policies',
  'delete from principals',
  'insert into principals (organization_id, id, user_id) select organization_id, gen_random_uuid(), user_id from principals',
  'update assignments set expires_at = null',
  'delete from invitations',
])('ambit_lookup is not allowed to %s', async (statement) => {
  const run = api.root.begin(async (tx) => {
    await tx`set local role ambit_lookup`;
    expect((await tx`select from principals`).length).toBeGreaterThan(3);
    await tx.unsafe(statement);
  });
  await expect(run).rejects.toThrow('permission denied');
});
