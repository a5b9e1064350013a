import { expect, test } from 'vitest';
import { size } from '../support/size.ts';
import { addMember, createApiToken, mutate, roleId } from '../support/world.ts';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  createServiceAccount,
  deny,
  giveProjectRole,
  giveRole,
  projectRoleId,
  startWorld,
} from './support.ts';

const { api, acme, people } = await startWorld();
const { owner, admin } = people;
const soon = (): string => new Date(Date.now() + 3_600_000).toISOString();
const NOT_HELD = { refused: 'NOT_HELD' };

test('an Admin cannot create a service account that is Owner now or after its role expires', async () => {
  expect(await mutate(admin, 'createServiceAccount', { name: 'a', roleId: roleId('owner') })).toEqual(NOT_HELD);
  const later = { name: 'b', roleId: roleId('read'), roleExpiresAt: soon(), fallbackRoleId: roleId('owner') };
  expect(await mutate(admin, 'createServiceAccount', later)).toEqual(NOT_HELD);
  expect(await mutate(owner, 'createServiceAccount', later)).toEqual({ errors: [] });
});

test('a caller cannot create a token of a service account that will have more permissions than the caller', async () => {
  const input = { name: 'growing', roleId: roleId('read'), roleExpiresAt: soon(), fallbackRoleId: roleId('owner') };
  const { serviceAccount } = await mutate(owner, 'createServiceAccount', input, 'serviceAccount { id }');
  const createToken = (by: typeof owner) =>
    mutate(by, 'createApiToken', { name: 'x', serviceAccountId: serviceAccount.id, access: 'WRITE' });
  expect(await createToken(admin)).toEqual(NOT_HELD);
  expect(await createToken(owner)).toEqual({ errors: [] });
  // Another plan restores a role that this plan suspends.
  const suspended = await createServiceAccount(owner, 'suspended', await createRole(owner, 'Everything', [allow('*')]));
  await api.root`update organizations set plan = 'FREE' where slug = 'acme'`;
  expect(await mutate(admin, 'createApiToken', { name: 'x', serviceAccountId: suspended, access: 'WRITE' })).toEqual(
    NOT_HELD,
  );
  expect(await mutate(admin, 'deleteServiceAccount', { id: suspended })).toEqual(NOT_HELD);
  await api.root`update organizations set plan = 'ENTERPRISE' where slug = 'acme'`;
});

test('a caller whose role expires cannot extend it, neither for themselves nor for another member', async () => {
  const visitor = await addMember(api, acme, 'read', 'visitor');
  const friend = await addMember(api, acme, 'read', 'friend');
  await giveRole(owner, visitor.memberId, roleId('owner'), { roleExpiresAt: soon(), fallbackRoleId: roleId('read') });
  const forEver = { id: visitor.memberId, roleId: roleId('owner'), roleExpiresAt: null };
  expect(await mutate(visitor, 'updateMember', forEver)).toEqual(NOT_HELD);
  expect(await mutate(visitor, 'updateMember', { id: friend.memberId, roleId: roleId('admin') })).toEqual(NOT_HELD);
  expect(await mutate(visitor, 'transferOwnership', { memberId: friend.memberId })).toEqual(NOT_HELD);
  const after = new Date(Date.now() + 7_200_000).toISOString();
  const giveAdminUntil = (roleExpiresAt: string) =>
    mutate(visitor, 'updateMember', {
      id: friend.memberId,
      roleId: roleId('admin'),
      roleExpiresAt,
      fallbackRoleId: roleId('read'),
    });
  expect(await giveAdminUntil(after)).toEqual(NOT_HELD);
  expect(await giveAdminUntil(new Date(Date.now() + 1_800_000).toISOString())).toEqual({ errors: [] });
});

test('a caller cannot grant a permission that a denial or another role currently hides', async () => {
  const project = await createProject(owner, 'masked');
  const manager = await addMember(api, acme, 'read', 'manager');
  await giveProjectRole(owner, project, manager.memberId, projectRoleId('manager'));
  const denied = await addMember(api, acme, 'read', 'denied');
  await giveRole(
    owner,
    denied.memberId,
    await createRole(owner, 'Denying', [allow('*:read'), deny('project:delete', 'role:*', 'policy:*')]),
  );
  for (const id of [admin.memberId, denied.memberId])
    expect(
      await mutate(manager, 'createProjectMember', {
        projectId: project,
        principalId: id,
        roleId: projectRoleId('owner'),
      }),
    ).toEqual(NOT_HELD);
  expect(
    await mutate(manager, 'createProjectMember', {
      projectId: project,
      principalId: denied.memberId,
      roleId: projectRoleId('read'),
    }),
  ).toEqual({ errors: [] });
});

test('only an Owner can make a member Owner, whatever a custom role grants', async () => {
  const nearly = await addMember(api, acme, 'read', 'nearly');
  await giveRole(owner, nearly.memberId, await createRole(owner, 'Nearly', [allow('*')]));
  expect(await mutate(nearly, 'updateMember', { id: people.user.memberId, roleId: roleId('owner') })).toEqual(NOT_HELD);
  expect(await mutate(nearly, 'transferOwnership', { memberId: people.user.memberId })).toEqual({
    refused: 'NO_GRANT',
  });
  expect(await mutate(owner, 'transferOwnership', { memberId: people.user.memberId, dryRun: true })).toEqual({
    errors: [],
  });
  const token = await createApiToken(api, owner, 'WRITE');
  expect(await mutate(token, 'transferOwnership', { memberId: people.user.memberId })).toEqual({
    refused: 'SESSION_REQUIRED',
  });
});

test('only an Owner can demote, remove or sign out an Owner, or create a WRITE token of an Owner', async () => {
  const nearly = await addMember(api, acme, 'read', 'not quite');
  await giveRole(owner, nearly.memberId, await createRole(owner, 'Not quite', [allow('*')]));
  const second = await addMember(api, acme, 'owner', 'second');
  const robot = await createServiceAccount(owner, 'owning', roleId('owner'));
  const ATTEMPTS: [string, object][] = [
    ['updateMember', { id: second.memberId, roleId: roleId('read'), dryRun: true }],
    ['deleteMember', { id: second.memberId, dryRun: true }],
    ['updateServiceAccount', { id: robot, roleId: roleId('read'), dryRun: true }],
    ['createApiToken', { name: 'x', serviceAccountId: robot, access: 'WRITE' }],
    ['signOutMember', { memberId: second.memberId }],
  ];
  for (const [name, input] of ATTEMPTS) {
    expect(await mutate(nearly, name, input), name).toEqual(NOT_HELD);
    expect(await mutate(owner, name, input), name).toEqual({ errors: [] });
  }
});

test('a change is compared in each project, where the roles of the caller and of the principal replace others', async () => {
  const project = await createProject(owner, 'compared');
  const lesser = await addMember(api, acme, 'read', 'lesser');
  await giveRole(owner, lesser.memberId, await createRole(owner, 'Manages', [allow('*'), deny('billing:*')]));
  await giveProjectRole(owner, project, lesser.memberId, projectRoleId('read'));
  const [without, within] = [
    await addMember(api, acme, 'read', 'without'),
    await addMember(api, acme, 'read', 'within'),
  ];
  await giveProjectRole(owner, project, within.memberId, projectRoleId('read'));
  const change = (id: string) => mutate(lesser, 'updateMember', { id, roleId: roleId('write') });
  // Without a project role the new role would also apply in the project, where the caller holds less.
  expect(await change(without.memberId)).toEqual(NOT_HELD);
  expect(await change(within.memberId)).toEqual({ errors: [] });
});

test('parallel assignment and replacement of a role never give more permissions than the caller has', async () => {
  const accomplice = await addMember(api, acme, 'read', 'accomplice');
  for (let round = 0; round < size(15, 100); round += 1) {
    const role = await createRole(admin, `Passing ${round}`, [allow('dataset:read')]);
    const [, deleted] = await Promise.all([
      mutate(admin, 'updateMember', { id: accomplice.memberId, roleId: role }),
      mutate(admin, 'deleteRole', { id: role, reassignTo: roleId('owner') }),
    ]);
    const { data } = await accomplice.query('{ viewer { role { name } } }');
    expect(data.viewer.role.name).not.toBe('Owner');
    expect(['NOT_HELD', undefined]).toContain(deleted.refused);
    await giveRole(owner, accomplice.memberId, roleId('read'));
  }
});

test('an object of a project that the caller cannot read is reported as not found', async () => {
  const project = await createProject(owner, 'inside');
  const policy = await createPolicy(owner, [allow('dataset:read')], project);
  const role = await createRole(owner, 'Inside', [allow('dataset:read')], project);
  const member = await giveProjectRole(owner, project, people.write.memberId, role);
  const blind = await addMember(api, acme, 'read', 'blind');
  const seeing = await createRole(owner, 'All but the project', [allow('*:read'), deny('project:read')]);
  await giveRole(owner, blind.memberId, seeing);
  const { data } = await blind.query('query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }', {
    ids: [project, policy, role, member],
  });
  expect(data.nodes).toEqual([null, null, null, null]);
});

test('a role cannot be created from a policy that the caller cannot read', async () => {
  const project = await createProject(owner, 'curious');
  const policy = await createPolicy(owner, [allow('dataset:read')]);
  const curious = await addMember(api, acme, 'read', 'curious');
  await giveRole(owner, curious.memberId, await createRole(owner, 'Little', [allow('organization:read')]));
  await giveProjectRole(owner, project, curious.memberId, projectRoleId('owner'));
  const peek = { projectId: project, name: 'Peek', policyIds: [policy] };
  expect(await mutate(curious, 'createRole', peek, 'role { permissions }')).toEqual({
    role: null,
    errors: [{ code: 'NOT_FOUND', path: ['policyIds', '0'] }],
  });
});

test('a role name that looks like the name of a built-in role is rejected', async () => {
  const policyIds = [await createPolicy(owner, [allow('dataset:read')])];
  for (const name of ['OWNER', ' Admin ', 'Ｏｗｎｅｒ', 'Аdmin'])
    expect(await mutate(owner, 'createRole', { name, policyIds })).toEqual({
      errors: [{ code: 'TAKEN', path: ['name'] }],
    });
  for (const name of ['Own\u200ber', 'Adm\u00adin', 'Adm\u200din', '\u202erenwO'])
    expect(await mutate(owner, 'createRole', { name, policyIds })).toEqual({
      errors: [{ code: 'INVALID', path: ['name'] }],
    });
});

test('large policies and expensive matrices are refused', async () => {
  const statements = [
    allow(...Array.from({ length: 200 }, () => '*:read')),
    allow(...Array.from({ length: 200 }, () => '*:read')),
    allow(...Array.from({ length: 101 }, () => '*:read')),
  ];
  expect(await mutate(owner, 'createPolicy', { name: 'Large', statements })).toEqual({
    errors: [{ code: 'LIMIT_EXCEEDED', path: ['statements'] }],
  });
  const wrong = await mutate(owner, 'createPolicy', {
    name: 'Wrong',
    statements: [allow(...Array.from({ length: 200 }, () => 'a'))],
  });
  expect(wrong.errors).toHaveLength(20);
  const nested = 'members(first: 500) { nodes { ... on Member { role { members(first: 500) { nodes { id } } } } } }';
  const { status } = await owner.query(
    `{ accessMatrix(first: 500, permissions: []) { nodes { principal { ... on Member { role { ${nested} } } } } } }`,
  );
  expect(status).toBe(400);
});
