import { expect, test } from 'vitest';
import { roleByKey } from '../../src/access/roles.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { decodeId, newId, toPublicId } from '../../src/lib/ids.ts';
import { hashSecret, newSecret } from '../../src/lib/secret.ts';
import { projectRoleId } from '../decisions/support.ts';
import { startApi } from '../support/api.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { cheapHash } from '../support/password.ts';
import { MIGRATIONS } from '../support/rewrites.ts';
import { mutate, PASSWORD, queryData, roleId, signIn, signUp } from '../support/world.ts';

/** The last migration of the release before the audit log named its actors. */
const BEFORE = MIGRATIONS.findIndex(({ name }) => name.endsWith('_audit')) - 1;

/** A database as that release leaves it, and as its migrator recorded it. */
async function createEarlierDatabase(): Promise<TestDatabase> {
  const database = await cloneDatabase('template0');
  for (const { statements } of MIGRATIONS.slice(0, BEFORE + 1))
    for (const statement of statements) await database.root.unsafe(statement);
  await database.root.unsafe(`create schema drizzle;
    create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
    insert into drizzle.__drizzle_migrations (hash, created_at) values ('earlier', ${MIGRATIONS[BEFORE]?.when})`);
  return database;
}

const organization = newId();
const project = newId();
const secret = newSecret('ambit_inv_');
const readInProject = decodeId(projectRoleId('read'))?.uuid ?? '';

async function fill({ root }: TestDatabase): Promise<Record<'owner' | 'admin' | 'annotator', string>> {
  const people = { owner: newId(), admin: newId(), annotator: newId() };
  const common = { organization_id: organization };
  const [policy, role, robot, inviter] = [newId(), newId(), newId(), newId()];
  await root`insert into organizations ${root({ id: organization, slug: 'acme', name: 'Acme', plan: 'TEAM', created_at: '2026-01-02T03:04:05Z' })}`;
  await root`insert into projects ${root({ ...common, id: project, key: 'apollo', name: 'Apollo' })}`;
  const statements = root.json([{ effect: 'ALLOW', permissions: ['dataset:*'] }]);
  await root`insert into policies ${root({ ...common, id: policy, name: 'Data', statements })}`;
  await root`insert into roles ${root({ ...common, id: role, name: 'Annotator' })}`;
  await root`insert into role_policies ${root({ ...common, role_id: role, policy_id: policy })}`;
  const member = async (user: string | null, id: string, name: string, own: object) => {
    if (user) {
      const row = { id: user, email: `${name}@acme.test`, name, password_hash: cheapHash(PASSWORD) };
      await root`insert into users ${root(row)}`;
    }
    await root`insert into principals ${root({ ...common, id, user_id: user, name: user ? null : name })}`;
    await root`insert into assignments ${root({ ...common, id: newId(), principal_id: id, ...own })}`;
  };
  const inProject = async (principal: string) => {
    const row = {
      ...common,
      id: newId(),
      principal_id: principal,
      project_id: project,
      built_in_role_id: readInProject,
    };
    await root`insert into assignments ${root(row)}`;
  };
  const [admin, annotator] = [newId(), newId()];
  await member(people.owner, inviter, 'owner', { built_in_role_id: roleByKey('owner').id });
  await member(people.admin, admin, 'admin', { built_in_role_id: roleByKey('admin').id });
  await member(people.annotator, annotator, 'annotator', { role_id: role });
  await member(null, robot, 'robot', { built_in_role_id: roleByKey('read').id });
  await inProject(admin);
  await inProject(annotator);
  const invitation = {
    ...common,
    id: newId(),
    email: 'guest@acme.test',
    hash: hashSecret(secret),
    inviter_id: inviter,
  };
  const offered = root.json([{ projectId: project, roleId: readInProject }]);
  const offer = { role_id: roleByKey('read').id, project_roles: offered, expires_at: '2100-01-01T00:00:00Z' };
  await root`insert into invitations ${root({ ...invitation, ...offer })}`;
  const event = async (values: object) => {
    const row = { ...common, id: newId(), outcome: 'ALLOWED', request_id: 'earlier', address: '::1', ...values };
    await root`insert into audit_events ${root(row)}`;
  };
  const before = root.json({ name: 'Old' });
  await event({
    action: 'updateProject',
    actor: 'owner@acme.test',
    user_id: people.owner,
    credential_kind: 'SESSION',
    target_id: toPublicId('prj', project),
    before,
    after: root.json({ name: 'Apollo' }),
  });
  await event({ action: 'createCheck', actor: 'robot', credential_kind: 'API_TOKEN' });
  await event({ action: 'signIn', actor: 'anonymous', credential_kind: 'NONE', outcome: 'REJECTED' });
  return { owner: inviter, admin, annotator };
}

const EVENTS = `{ auditEvents(filter: { requestId: "earlier" }, orderBy: { direction: ASC }) { nodes {
  action actor { kind id name email } actorName before after related { targetId } targetIds dryRun input } } }`;
const event = { before: null, after: null, related: [], targetIds: [], dryRun: false, input: null };

test('a database with the data of an earlier release is migrated, and its objects can be used', async () => {
  const database = await createEarlierDatabase();
  const ids = await fill(database);
  await migrateDatabase(database.url);
  const api = await startApi({ database });
  const owner = await signIn(api, 'owner@acme.test');

  expect(
    await queryData(
      owner,
      '{ organization { billing { plan since history { plan startedAt endedAt changedBy { id } } } } }',
    ),
  ).toEqual({
    organization: {
      billing: {
        ...{ plan: 'TEAM', since: '2026-01-02T03:04:05.000Z' },
        history: [{ plan: 'TEAM', startedAt: '2026-01-02T03:04:05.000Z', endedAt: null, changedBy: null }],
      },
    },
  });

  const members = '{ project(key: "apollo") { members { nodes { inactive principal { id } role { name } } } } }';
  const listed = (await queryData(owner, members)).project.members.nodes;
  expect(listed).toHaveLength(2);
  expect(listed).toContainEqual({
    inactive: true,
    principal: { id: toPublicId('mem', ids.admin) },
    role: { name: 'Read' },
  });
  expect(listed).toContainEqual({
    inactive: false,
    principal: { id: toPublicId('mem', ids.annotator) },
    role: { name: 'Read' },
  });
  // The role of a former Admin stays without effect.
  expect(await mutate(owner, 'updateMember', { id: toPublicId('mem', ids.admin), roleId: roleId('write') })).toEqual({
    errors: [],
  });
  expect((await queryData(owner, members)).project.members.nodes).toContainEqual(
    listed.find(({ inactive }: { inactive: boolean }) => inactive),
  );

  expect((await queryData(owner, EVENTS)).auditEvents.nodes).toEqual([
    {
      ...event,
      action: 'updateProject',
      actor: { kind: 'MEMBER', id: owner.userId, name: 'owner@acme.test', email: 'owner@acme.test' },
      actorName: '<owner@acme.test>',
      ...{ before: { name: 'Old' }, after: { name: 'Apollo' }, targetIds: [toPublicId('prj', project)] },
    },
    {
      ...event,
      action: 'createCheck',
      actor: { kind: 'SERVICE_ACCOUNT', id: null, name: 'robot', email: null },
      actorName: 'robot (service account)',
    },
    {
      ...event,
      action: 'signIn',
      actor: { kind: 'ANONYMOUS', id: null, name: 'anonymous', email: null },
      actorName: 'anonymous',
    },
  ]);

  const guest = await signUp(api, 'guest@acme.test');
  const accepted = await mutate(guest, 'acceptInvitation', { secret }, 'organization { slug } session { accessToken }');
  expect(accepted).toMatchObject({ organization: { slug: 'acme' }, errors: [] });
  const seen = await queryData(
    api.as(accepted.session.accessToken),
    '{ viewer { member { role { name } } } project(key: "apollo") { name } }',
  );
  expect(seen).toEqual({ viewer: { member: { role: { name: 'Read' } } }, project: { name: 'Apollo' } });
  const annotator = await signIn(api, 'annotator@acme.test');
  const own = await queryData(annotator, '{ viewer { member { role { name permissions } } } datasets { totalCount } }');
  expect(own).toEqual({
    viewer: { member: { role: { name: 'Annotator', permissions: expect.arrayContaining(['dataset:create']) } } },
    datasets: { totalCount: 0 },
  });
});
