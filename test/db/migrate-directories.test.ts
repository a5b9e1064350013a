import type { Sql } from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { newId, toPublicId } from '../../src/lib/ids.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import { startApi } from '../support/api.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { differencesOfDirectories } from '../support/directories.ts';
import { cheapHash } from '../support/password.ts';
import { MIGRATIONS } from '../support/rewrites.ts';
import { mutate, PASSWORD, queryData, signIn } from '../support/world.ts';

/** The migration that copies users and secrets of organizations into tables of their own. */
const AT = MIGRATIONS.findIndex(({ name }) => name.endsWith('_clusters'));

/** Creates an owner of the database who may do no more than `docs/deployment.md` requires. Returns the address for it. */
async function ownerOf({ url, root }: TestDatabase): Promise<string> {
  const login = `login_${newId().replaceAll('-', '')}`;
  const database = new URL(url).pathname.slice(1);
  await root.unsafe(`create role ${login} login password 'secret';
    grant ambit_runtime, ambit_lookup to ${login} with admin option;
    alter database ${database} owner to ${login}`);
  onTestFinished(async () => {
    await root.unsafe(`reassign owned by ${login} to current_user; drop owned by ${login}; drop role ${login}`);
  });
  const address = new URL(url);
  [address.username, address.password] = [login, 'secret'];
  return address.href;
}

/** Applies the earlier migrations as `url` names the role, and records them as the migrator does. */
async function migrateToEarlier({ root }: TestDatabase, url: string): Promise<void> {
  const { username } = new URL(url);
  await root.begin(async (tx) => {
    await tx.unsafe(`set local role ${username}`);
    for (const { statements } of MIGRATIONS.slice(0, AT)) for (const one of statements) await tx.unsafe(one);
    await tx.unsafe(`create schema drizzle;
      create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
      insert into drizzle.__drizzle_migrations (hash, created_at) values ('earlier', ${MIGRATIONS[AT - 1]?.when})`);
  });
}

const ids = { acme: newId(), globex: newId(), ann: newId(), ben: newId(), loner: newId() };
const secrets = {
  token: newSecret('ambit_pat_'),
  invitation: newSecret('ambit_inv_'),
  refresh: newSecret('ambit_ref_'),
  other: newSecret('ambit_ref_'),
};
const LATER = '2100-01-01T00:00:00Z';
const SINCE = new Date('2026-01-02T03:04:05Z');

/** Two organizations with one common member, and a user without an organization. */
async function fill(root: Sql): Promise<void> {
  for (const [slug, id] of [['acme', ids.acme] as const, ['globex', ids.globex] as const])
    await root`insert into organizations ${root({ id, slug, name: slug, plan: 'TEAM' })}`;
  for (const name of ['ann', 'ben', 'loner'] as const) {
    const user = { id: ids[name], email: `${name}@Acme.test`, name, created_at: SINCE };
    await root`insert into users ${root({ ...user, password_hash: cheapHash(PASSWORD) })}`;
  }
  const join = async (organization: string, user: string | null, role: 'owner' | 'read'): Promise<string> => {
    const [id, organization_id] = [newId(), organization];
    await root`insert into principals ${root({ organization_id, id, user_id: user, name: user ? null : 'Robot' })}`;
    const given = { organization_id, id: newId(), principal_id: id, built_in_role_id: roleByKey(role).id };
    await root`insert into assignments ${root(given)}`;
    return id;
  };
  const inviter = await join(ids.acme, ids.ann, 'owner');
  await join(ids.globex, ids.ann, 'read');
  await join(ids.globex, ids.ben, 'owner');
  const robot = await join(ids.acme, null, 'read');
  const common = { organization_id: ids.acme, id: newId() };
  const token = { ...common, name: 'CI', access: 'READ', principal_id: robot, hash: hashSecret(secrets.token) };
  await root`insert into api_tokens ${root(token)}`;
  const offer = {
    project_roles: root.json([]),
    email: 'guest@acme.test',
    role_id: roleByKey('read').id,
    expires_at: LATER,
    inviter_id: inviter,
  };
  await root`insert into invitations ${root({ ...common, ...offer, hash: hashSecret(secrets.invitation) })}`;
  const session = async (user: string, organization: string | null, secret: string): Promise<void> => {
    const row = { id: newId(), user_id: user, organization_id: organization, address: '::1', expires_at: LATER };
    await root`insert into sessions ${root(row)}`;
    await root`insert into refresh_tokens ${root({ hash: hashSecret(secret), session_id: row.id })}`;
  };
  await session(ids.ann, ids.acme, secrets.refresh);
  await session(ids.loner, null, secrets.other);
}

const rowsOf = async (root: Sql, query: string): Promise<unknown[]> =>
  (await root.unsafe(query)).map((row) => Object.values(row));

test.each([
  ['a superuser', async ({ url }: TestDatabase) => url],
  ['an owner who is not a superuser', ownerOf],
])('people, directories and passwords are copied from the data of an earlier release by %s', async (_, ownerUrl) => {
  const database = await cloneDatabase('template0');
  const { root } = database;
  const url = await ownerUrl(database);
  await migrateToEarlier(database, url);
  await fill(root);
  const hashes = await rowsOf(root, 'select id, password_hash from users order by id');
  await migrateDatabase(url);

  const { acme, globex, ann, ben, loner } = ids;
  const personOf = (organization: string, id: string, name: string) => [
    ...[organization, id, `${name}@Acme.test`, name, SINCE],
  ];
  expect(await rowsOf(root, 'select organization_id, id, email, name, created_at from people order by 1, 2')).toEqual([
    personOf(acme, ann, 'ann'),
    personOf(globex, ann, 'ann'),
    personOf(globex, ben, 'ben'),
  ]);
  expect(await rowsOf(root, 'select organization_id, user_id from memberships order by 1, 2')).toEqual([
    ...[[acme, ann] as const, [globex, ann] as const, [globex, ben] as const],
  ]);
  expect(await rowsOf(root, 'select slug, organization_id from organization_slugs order by 1')).toEqual([
    ...[['acme', acme] as const, ['globex', globex] as const],
  ]);
  const known = [hashSecret(secrets.token), hashSecret(secrets.invitation)];
  const directory = await root`select hash, organization_id as id from organization_secrets`;
  expect(Object.fromEntries(directory.map(({ hash, id }) => [hash, id]))).toEqual(
    Object.fromEntries(known.map((hash) => [hash, acme])),
  );
  expect(await rowsOf(root, 'select user_id, hash from passwords order by user_id')).toEqual(hashes);
  expect(
    await rowsOf(
      root,
      'select s.user_id as of_session, r.user_id as own from refresh_tokens r join sessions s on s.id = r.session_id order by 1',
    ),
  ).toEqual([
    [ann, ann],
    [loner, loner],
  ]);
  expect(await differencesOfDirectories(root)).toEqual([]);
  const forced = await root`select relname from pg_class where relrowsecurity and not relforcerowsecurity`;
  expect(forced).toEqual([]);

  // All of it can be used: sign-in in both organizations, the refresh tokens, the API token and the invitation.
  const api = await startApi({ database });
  for (const slug of ['acme', 'globex']) {
    const member = await signIn(api, 'ann@acme.test', slug);
    expect(await queryData(member, '{ viewer { organization { slug } user { email } } }')).toEqual({
      viewer: { organization: { slug }, user: { email: 'ann@Acme.test' } },
    });
  }
  for (const refreshToken of [secrets.refresh, secrets.other])
    expect(await mutate(api.as(), 'refreshSession', { refreshToken })).toEqual({ errors: [] });
  expect(await queryData(api.as(secrets.token), '{ viewer { organization { id } } }')).toEqual({
    viewer: { organization: { id: toPublicId('org', acme) } },
  });
  const accepted = await mutate(
    await signIn(api, 'loner@acme.test'),
    'declineInvitation',
    { secret: secrets.invitation },
    'deletedId',
  );
  expect(accepted).toEqual({ deletedId: expect.stringMatching(/^inv_/), errors: [] });
});
