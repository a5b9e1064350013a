import { expect, test } from 'vitest';
import { size } from '../support/size.ts';
import { join, mutate, roleId, tokenOf } from '../support/world.ts';
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

test('an Admin makes no service account that is Owner, now or later', async () => {
  expect(await mutate(admin, 'createServiceAccount', { name: 'a', roleId: roleId('owner') })).toEqual(NOT_HELD);
  const later = { name: 'b', roleId: roleId('read'), expiresAt: soon(), fallbackRoleId: roleId('owner') };
  expect(await mutate(admin, 'createServiceAccount', later)).toEqual(NOT_HELD);
  expect(await mutate(owner, 'createServiceAccount', later)).toEqual({ errors: [] });
});

test('a token of a service account is minted by nobody whom the account will outgrow', async () => {
  const input = { name: 'growing', roleId: roleId('read'), expiresAt: soon(), fallbackRoleId: roleId('owner') };
  const { serviceAccount } = await mutate(owner, 'createServiceAccount', input, 'serviceAccount { id }');
  const mint = (by: typeof owner) =>
    mutate(by, 'createApiToken', { name: 'x', serviceAccountId: serviceAccount.id, access: 'WRITE' });
  expect(await mint(admin)).toEqual(NOT_HELD);
  expect(await mint(owner)).toEqual({ errors: [] });
  // What the plan freezes is thawed by another plan.
  const frozen = await createServiceAccount(owner, 'frozen', await createRole(owner, 'Everything', [allow('*')]));
  await api.root`update organizations set plan = 'FREE' where slug = 'acme'`;
  expect(await mutate(admin, 'createApiToken', { name: 'x', serviceAccountId: frozen, access: 'WRITE' })).toEqual(
    NOT_HELD,
  );
  expect(await mutate(admin, 'deleteServiceAccount', { id: frozen })).toEqual(NOT_HELD);
  await api.root`update organizations set plan = 'ENTERPRISE' where slug = 'acme'`;
});

test('nobody whose role ends makes it last, for themselves or for another', async () => {
  const guest = await join(api, acme, 'read', 'guest');
  const friend = await join(api, acme, 'read', 'friend');
  await giveRole(owner, guest.memberId, roleId('owner'), { expiresAt: soon(), fallbackRoleId: roleId('read') });
  expect(await mutate(guest, 'updateMember', { id: guest.memberId, roleId: roleId('owner') })).toEqual(NOT_HELD);
  expect(await mutate(guest, 'updateMember', { id: friend.memberId, roleId: roleId('admin') })).toEqual(NOT_HELD);
  expect(await mutate(guest, 'transferOwnership', { id: friend.memberId })).toEqual(NOT_HELD);
  const after = new Date(Date.now() + 7_200_000).toISOString();
  const lend = (expiresAt: string) =>
    mutate(guest, 'updateMember', {
      id: friend.memberId,
      roleId: roleId('admin'),
      expiresAt,
      fallbackRoleId: roleId('read'),
    });
  expect(await lend(after)).toEqual(NOT_HELD);
  expect(await lend(new Date(Date.now() + 1_800_000).toISOString())).toEqual({ errors: [] });
});

test('what a denial or a greater role hides is not given either', async () => {
  const project = await createProject(owner, 'masked');
  const manager = await join(api, acme, 'read', 'manager');
  await giveProjectRole(owner, project, manager.memberId, projectRoleId('manager'));
  const denied = await join(api, acme, 'read', 'denied');
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

test('only an Owner makes an Owner, whatever else a role grants', async () => {
  const nearly = await join(api, acme, 'read', 'nearly');
  await giveRole(owner, nearly.memberId, await createRole(owner, 'Nearly', [allow('*')]));
  expect(await mutate(nearly, 'updateMember', { id: people.user.memberId, roleId: roleId('owner') })).toEqual(NOT_HELD);
  expect(await mutate(nearly, 'transferOwnership', { id: people.user.memberId })).toEqual(NOT_HELD);
  expect(await mutate(owner, 'transferOwnership', { id: people.user.memberId, dryRun: true })).toEqual({ errors: [] });
  const token = await tokenOf(api, owner, 'WRITE');
  expect(await mutate(token, 'transferOwnership', { id: people.user.memberId })).toEqual({
    refused: 'SESSION_REQUIRED',
  });
});

test('who gets a role while it is replaced is not replaced past what the caller holds, in any round', async () => {
  const accomplice = await join(api, acme, 'read', 'accomplice');
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

test('what is inside a project that cannot be read cannot be seen either', async () => {
  const project = await createProject(owner, 'inside');
  const policy = await createPolicy(owner, [allow('dataset:read')], project);
  const role = await createRole(owner, 'Inside', [allow('dataset:read')], project);
  const member = await giveProjectRole(owner, project, people.write.memberId, role);
  const blind = await join(api, acme, 'read', 'blind');
  const seeing = await createRole(owner, 'All but the project', [allow('*:read'), deny('project:read')]);
  await giveRole(owner, blind.memberId, seeing);
  const { data } = await blind.query('query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }', {
    ids: [project, policy, role, member],
  });
  expect(data.nodes).toEqual([null, null, null, null]);
});

test('a policy that one may not read is not shown by a role that is made of it', async () => {
  const project = await createProject(owner, 'curious');
  const policy = await createPolicy(owner, [allow('dataset:read')]);
  const curious = await join(api, acme, 'read', 'curious');
  await giveRole(owner, curious.memberId, await createRole(owner, 'Little', [allow('organization:read')]));
  await giveProjectRole(owner, project, curious.memberId, projectRoleId('owner'));
  const peek = { projectId: project, name: 'Peek', policyIds: [policy] };
  expect(await mutate(curious, 'createRole', peek, 'role { permissions }')).toEqual({
    role: null,
    errors: [{ code: 'NOT_FOUND', path: ['policyIds', '0'] }],
  });
});

test('a name that looks like a built-in role’s is taken', async () => {
  const policyIds = [await createPolicy(owner, [allow('dataset:read')])];
  for (const name of ['OWNER', ' Admin ', 'Ｏｗｎｅｒ', 'Adm\u200din'])
    expect(await mutate(owner, 'createRole', { name, policyIds })).toEqual({
      errors: [{ code: 'TAKEN', path: ['name'] }],
    });
  for (const name of ['Own\u200ber', 'Adm\u00adin', '\u202erenwO'])
    expect(await mutate(owner, 'createRole', { name, policyIds })).toEqual({
      errors: [{ code: 'INVALID', path: ['name'] }],
    });
});

test('large policies and matrices are refused or cheap', async () => {
  const statements = [
    allow(...Array.from({ length: 200 }, () => '*:read')),
    allow(...Array.from({ length: 200 }, () => '*:read')),
    allow(...Array.from({ length: 101 }, () => '*:read')),
  ];
  expect(await mutate(owner, 'createPolicy', { name: 'Large', statements })).toEqual({
    errors: [{ code: 'TOO_LONG', path: ['statements'] }],
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
