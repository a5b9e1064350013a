import { beforeEach, describe, expect, test } from 'vitest';
import {
  allow,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
  giveRole,
  projectRoleId,
  startWorld,
} from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  executeMutation,
  getRubric,
  memberInput,
  mutate,
  queryData,
  roleId,
  setRole,
} from '../support/world.ts';

const { api, acme, people, globex } = await startWorld();
const { owner, admin, write, user, read } = people;

const FIELDS = 'serviceAccount { id name description role { id name } roleExpiresAt viewerPermissions }';
const NODE = `query ($id: ID!) { node(id: $id) { ... on ServiceAccount ${FIELDS.replace('serviceAccount', '')} } }`;
const TOKEN =
  'mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { secret apiToken { id principal { __typename id } } errors { code path } } }';

let last = 0;
const fresh = (): string => `robot ${++last}`;
const robotWith = (role: Parameters<typeof roleId>[0]): Promise<string> =>
  createServiceAccount(owner, fresh(), roleId(role));

/** A token of the service account, created by this caller. */
async function tokenFor(by: Caller, serviceAccountId: string, access = 'WRITE'): Promise<Caller & { id: string }> {
  const input = { name: 'Deploy', access, serviceAccountId };
  const { secret, apiToken } = await executeMutation(by, TOKEN, { input });
  expect(apiToken.principal).toEqual({ __typename: 'ServiceAccount', id: serviceAccountId });
  return { ...api.as(secret), id: apiToken.id };
}

test('an Admin creates, updates and deletes a service account, and every member can read it', async () => {
  const input = { name: ' Deploy ', description: 'Deploys.', roleId: roleId('write') };
  const { serviceAccount, errors } = await mutate(admin, 'createServiceAccount', input, FIELDS);
  expect({ serviceAccount, errors }).toEqual({
    serviceAccount: {
      id: expect.stringMatching(/^sva_/),
      name: 'Deploy',
      description: 'Deploys.',
      role: { id: roleId('write'), name: 'Write' },
      roleExpiresAt: null,
      viewerPermissions: ['service_account:read', 'service_account:update', 'service_account:delete'],
    },
    errors: [],
  });
  const { id } = serviceAccount;
  expect((await queryData(read, NODE, { id })).node).toEqual({
    ...serviceAccount,
    viewerPermissions: ['service_account:read'],
  });
  const changes = { id, name: 'Build', description: null, roleId: roleId('user') };
  expect((await mutate(admin, 'updateServiceAccount', changes, FIELDS)).serviceAccount).toEqual({
    ...serviceAccount,
    name: 'Build',
    description: null,
    role: { id: roleId('user'), name: 'User' },
  });
  expect(await mutate(admin, 'deleteServiceAccount', { id }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
  expect((await queryData(read, NODE, { id })).node).toBeNull();
  expect(await mutate(admin, 'deleteServiceAccount', { id })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(admin, 'updateServiceAccount', { id, name: 'Back' })).toEqual({ refused: 'NOT_FOUND' });
});

test('a member with role Write cannot create, update or delete a service account', async () => {
  const id = await robotWith('read');
  const before = (await queryData(owner, NODE, { id })).node;
  const input = { name: 'Mine', roleId: roleId('read') };
  expect(await mutate(write, 'createServiceAccount', input)).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(write, 'updateServiceAccount', { id, ...input })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(write, 'deleteServiceAccount', { id })).toEqual({ refused: 'NO_GRANT' });
  expect((await queryData(owner, NODE, { id })).node).toEqual(before);
});

test('a name is unique in the organization, ignoring case, and free in another organization', async () => {
  const taken = { errors: [{ code: 'TAKEN', path: ['name'] }] };
  const make = (by: Caller, name: string) =>
    mutate(by, 'createServiceAccount', { name, roleId: roleId('read') }, 'serviceAccount { id }');
  const made = await make(admin, 'Once');
  expect(made.errors).toEqual([]);
  expect(await make(admin, ' ONCE ')).toEqual({ serviceAccount: null, ...taken });
  const id = await robotWith('read');
  expect(await mutate(admin, 'updateServiceAccount', { id, name: 'once' })).toEqual(taken);
  expect(await mutate(admin, 'updateServiceAccount', { id: made.serviceAccount.id, name: 'ONCE' })).toEqual({
    errors: [],
  });
  expect((await make(globex.owner, 'Once')).errors).toEqual([]);
  const race = await Promise.all(Array.from({ length: 6 }, () => make(admin, 'Wanted')));
  expect(race.map(({ errors }) => errors[0]?.code ?? 'made').sort()).toEqual([...Array(5).fill('TAKEN'), 'made']);
});

describe('nobody', () => {
  test('gives or removes a role that grants permissions they lack', async () => {
    const input = { name: fresh(), roleId: roleId('owner') };
    expect(await mutate(admin, 'createServiceAccount', input)).toEqual({ refused: 'NOT_HELD' });
    const [mighty, small] = [await robotWith('owner'), await robotWith('read')];
    for (const [id, role] of [
      [small, 'owner'],
      [mighty, 'read'],
      [mighty, 'owner'],
    ] as const)
      expect(await mutate(admin, 'updateServiceAccount', { id, roleId: roleId(role) })).toEqual({
        refused: 'NOT_HELD',
      });
    expect(await mutate(admin, 'updateServiceAccount', { id: mighty, name: 'Renamed' })).toEqual({
      refused: 'NOT_HELD',
    });
    expect(await mutate(admin, 'deleteServiceAccount', { id: mighty })).toEqual({ refused: 'NOT_HELD' });
    expect((await queryData(admin, NODE, { id: mighty })).node.viewerPermissions).toEqual(['service_account:read']);
  });

  test('gives a service account a role that is not of the organization', async () => {
    const make = (role: unknown) => mutate(owner, 'createServiceAccount', { name: fresh(), roleId: role });
    expect(await make(projectRoleId('owner'))).toEqual({ errors: [{ code: 'INVALID', path: ['roleId'] }] });
    const project = await createProject(owner, 'with-role');
    const own = await createRole(owner, 'Own', [allow('dataset:*')], project);
    expect(await make(own)).toEqual({ errors: [{ code: 'INVALID', path: ['roleId'] }] });
    const foreign = await createRole(globex.owner, 'Foreign', [allow('dataset:*')]);
    expect(await make(foreign)).toEqual({ errors: [{ code: 'NOT_FOUND', path: ['roleId'] }] });
  });

  test('can use a member as a service account, or a service account as a member', async () => {
    const id = await robotWith('read');
    const role = { roleId: roleId('user') };
    const nowhere = { refused: 'NOT_FOUND' };
    for (const name of ['updateServiceAccount', 'deleteServiceAccount'])
      expect(await mutate(owner, name, { id: user.memberId })).toEqual(nowhere);
    expect(await mutate(owner, 'updateMember', { id, ...role })).toEqual(nowhere);
    for (const name of ['deleteMember', 'signOutMember', 'transferOwnership'])
      expect(await mutate(owner, name, memberInput(name, id))).toEqual(nowhere);
    // The ID is also rejected with the other prefix.
    const disguised = id.replace('sva_', 'mem_');
    for (const name of ['deleteMember', 'signOutMember', 'transferOwnership'])
      expect(await mutate(owner, name, memberInput(name, disguised))).toEqual(nowhere);
    const { categories, levels } = await getRubric(owner);
    const check = { name: 'Run', category: { id: categories['Security'] }, level: { id: levels['Bronze'] } };
    for (const ownerId of [id, disguised])
      expect(await mutate(owner, 'createCheck', { ...check, ownerId })).toEqual({
        errors: [{ code: 'NOT_FOUND', path: ['ownerId'] }],
      });
    expect(await mutate(globex.owner, 'deleteServiceAccount', { id })).toEqual(nowhere);
  });
});

describe('a token of a service account', () => {
  const ME = `{ viewer { user { id } member { id } principal { __typename id } role { name } organization { id } permissions } }`;

  test('acts as the service account, without a user', async () => {
    const id = await robotWith('write');
    const token = await tokenFor(admin, id);
    const { viewer } = await queryData(token, ME);
    expect(viewer).toEqual({
      user: null,
      member: null,
      principal: { __typename: 'ServiceAccount', id },
      role: { name: 'Write' },
      organization: { id: acme.id },
      permissions: (await queryData(write, '{ viewer { permissions } }')).viewer.permissions,
    });
    expect(await mutate(token, 'createProject', { key: 'by-robot', name: 'By a robot' })).toEqual({ errors: [] });
    expect(await mutate(token, 'createCategory', { name: 'By a robot' })).toEqual({ refused: 'NO_GRANT' });
    for (const [name, input] of [
      ['createOrganization', { name: 'Own', slug: 'own' }],
      ['leaveOrganization', {}],
      ['switchOrganization', { organizationId: acme.id }],
    ] as const)
      expect(await mutate(token, name, input)).toEqual({ refused: 'SESSION_REQUIRED' });
    const reading = await tokenFor(admin, id, 'READ');
    expect(await mutate(reading, 'createProject', { key: 'read', name: 'Read' })).toEqual({
      refused: 'READ_ONLY_TOKEN',
    });
  });

  test('can be created only by a caller who can update the account and has all its permissions', async () => {
    const make = (by: Caller, serviceAccountId: string, access = 'READ') =>
      mutate(by, 'createApiToken', { name: 'Wanted', access, serviceAccountId });
    const small = await robotWith('read');
    for (const caller of [user, write]) {
      const { data, errors } = await caller.query(TOKEN, { input: { name: 'Wanted', serviceAccountId: small } });
      expect(data).toEqual({ createApiToken: null });
      expect(errors?.[0].extensions).toMatchObject({
        code: 'FORBIDDEN',
        permission: 'service_account:update',
        reason: 'NO_GRANT',
      });
    }
    expect(await make(admin, small, 'WRITE')).toEqual({ errors: [] });
    expect(await make(admin, await robotWith('owner'), 'WRITE')).toEqual({ refused: 'NOT_HELD' });
    expect(await make(owner, await robotWith('owner'), 'WRITE')).toEqual({ errors: [] });

    const keeper = await addMember(api, acme, 'read', 'keeper');
    const grants = allow('service_account:*', 'api_token:*', '*:read', '*:read_content');
    await giveRole(owner, keeper.memberId, await createRole(owner, 'Keeper', [grants]));
    expect(await make(keeper, small, 'WRITE')).toEqual({ errors: [] });
    expect(await make(keeper, await robotWith('user'), 'WRITE')).toEqual({ refused: 'NOT_HELD' });
    // Permissions of the account in one project count, too.
    const inside = await robotWith('read');
    const project = await createProject(owner, 'one-project');
    await giveProjectRole(owner, project, inside, projectRoleId('member'));
    expect(await make(keeper, inside, 'WRITE')).toEqual({ refused: 'NOT_HELD' });
    expect(await make(admin, inside, 'WRITE')).toEqual({ errors: [] });
    expect(await api.root`select from api_tokens where name = 'Wanted'`).toHaveLength(4);
  });

  test.each([
    ['a member', () => user.memberId],
    ['an unknown service account', () => 'sva_01h455vb4pex5vsknk084sn02q'],
    ['a text', () => 'Robot'],
    ['a service account of another organization', () => createServiceAccount(globex.owner, fresh(), roleId('read'))],
  ])('cannot be created for %s', async (_what, id) => {
    expect(await mutate(owner, 'createApiToken', { name: 'Astray', serviceAccountId: await id() })).toEqual({
      errors: [{ code: 'NOT_FOUND', path: ['serviceAccountId'] }],
    });
  });

  test('loses permissions with the account, and ends immediately when the account is deleted', async () => {
    const id = await robotWith('admin');
    const [token, other] = [await tokenFor(admin, id), await tokenFor(admin, id, 'READ')];
    expect(await mutate(token, 'createCategory', { name: 'While Admin' })).toEqual({ errors: [] });
    await mutate(admin, 'updateServiceAccount', { id, roleId: roleId('read') });
    expect(await mutate(token, 'createCategory', { name: 'No more' })).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(admin, 'deleteServiceAccount', { id })).toEqual({ errors: [] });
    for (const caller of [token, other]) expect((await caller.query(ME)).status).toBe(401);
    expect(await api.root`select from api_tokens where principal_id not in (select id from principals)`).toEqual([]);
  });

  test('is listed with its service account, and can be revoked like any other token', async () => {
    const id = await robotWith('user');
    const token = await tokenFor(admin, id);
    const LIST = '{ apiTokens(first: 500) { nodes { id principal { __typename id } } } }';
    const seen = async (caller: Caller): Promise<Json> =>
      (await queryData(caller, LIST)).apiTokens.nodes.find((each: Json) => each.id === token.id);
    expect(await seen(admin)).toEqual({ id: token.id, principal: { __typename: 'ServiceAccount', id } });
    expect(await seen(token)).toEqual({ id: token.id, principal: { __typename: 'ServiceAccount', id } });
    expect(await seen(user)).toBeUndefined();
    expect(await mutate(user, 'deleteApiToken', { id: token.id })).toEqual({ refused: 'NOT_FOUND' });
    expect(await mutate(admin, 'deleteApiToken', { id: token.id })).toEqual({ errors: [] });
    expect((await token.query(ME)).status).toBe(401);
  });

  test('can create tokens of its own account, with no more permissions', async () => {
    const id = await robotWith('user');
    const token = await tokenFor(admin, id);
    const { secret, apiToken } = await executeMutation(token, TOKEN, { input: { name: 'More' } });
    expect(apiToken.principal).toEqual({ __typename: 'ServiceAccount', id });
    expect((await queryData(api.as(secret), ME)).viewer.principal).toEqual({ __typename: 'ServiceAccount', id });
    expect(await mutate(token, 'createApiToken', { name: 'More', access: 'WRITE' })).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(token, 'createApiToken', { name: 'Other', serviceAccountId: await robotWith('read') })).toEqual(
      {
        refused: 'NO_GRANT',
      },
    );
  });
});

test('a service account can be used wherever a principal can, and takes no seat', async () => {
  const seats = async () => (await queryData(owner, '{ usage { seats } }')).usage.seats;
  const before = await seats();
  const id = await robotWith('write');
  const project = await createProject(owner, 'beside');
  const membership = await giveProjectRole(owner, project, id, projectRoleId('read'));
  const seen = await queryData(
    owner,
    `query ($project: ID!, $role: ID!) {
      whoCan(permission: "project:create", first: 100) { nodes { __typename id } }
      accessMatrix(permissions: ["project:create", "prompt:update"], targetId: $project, first: 100) {
        nodes { principal { __typename id } entries { permission allowed reason } } }
      node(id: $role) { ... on Role { members(first: 100) { nodes { __typename id } } } }
      project(id: $project) { members { nodes { id principal { __typename id } role { name } } } }
      serviceAccounts(first: 100) { nodes { id } }
      members(first: 100) { nodes { id } } }`,
    { project, role: roleId('write') },
  );
  const robot = { __typename: 'ServiceAccount', id };
  expect(seen.whoCan.nodes).toContainEqual(robot);
  expect(seen.accessMatrix.nodes.find(({ principal }: Json) => principal.id === id)).toEqual({
    principal: robot,
    entries: [
      { permission: 'project:create', allowed: false, reason: 'WRONG_LEVEL' },
      { permission: 'prompt:update', allowed: false, reason: 'OVERRIDDEN_BY_PROJECT_ROLE' },
    ],
  });
  expect(seen.node.members.nodes).toContainEqual(robot);
  expect(seen.project.members.nodes).toEqual([{ id: membership, principal: robot, role: { name: 'Read' } }]);
  expect(seen.serviceAccounts.nodes).toContainEqual({ id });
  expect(seen.members.nodes.map((node: Json) => node.id)).not.toContain(id);
  expect(await seats()).toBe(before);
  await mutate(owner, 'deleteServiceAccount', { id });
  expect(
    (await queryData(owner, '{ whoCan(permission: "project:create") { nodes { id } } }')).whoCan.nodes,
  ).not.toContainEqual({ id });
  const { node } = await queryData(owner, 'query ($id: ID!) { node(id: $id) { id } }', { id: membership });
  expect(node).toBeNull();
});

describe('an Owner that is a service account', () => {
  beforeEach(() => setRole(api.root, owner.email, 'owner'));

  test('does not count as the last Owner', async () => {
    const id = await robotWith('owner');
    const last = { errors: [{ code: 'LAST_OWNER', path: ['id'] }] };
    const step = { id: owner.memberId, roleId: roleId('admin') };
    expect(await mutate(owner, 'updateMember', step)).toEqual(last);
    expect(await mutate(await tokenFor(owner, id), 'updateMember', step)).toEqual(last);
    expect(await mutate(await tokenFor(owner, id), 'deleteMember', { id: owner.memberId })).toEqual(last);
    // `leaveOrganization` has no input field that the error could be about.
    expect(await mutate(owner, 'leaveOrganization', {})).toEqual({ errors: [{ code: 'LAST_OWNER', path: [] }] });
  });

  test('can be demoted', async () => {
    const id = await robotWith('owner');
    expect(await mutate(owner, 'updateServiceAccount', { id, roleId: roleId('read') })).toEqual({ errors: [] });
  });
});

test('the role of a service account expires, and the fallback role replaces it', async () => {
  const HOUR = 3_600_000;
  const id = await robotWith('read');
  const roleExpiresAt = new Date(Date.now() + HOUR).toISOString();
  const input = { id, roleId: roleId('admin'), roleExpiresAt, fallbackRoleId: roleId('user') };
  const { serviceAccount } = await mutate(admin, 'updateServiceAccount', input, FIELDS);
  expect(serviceAccount).toMatchObject({ role: { name: 'Admin' }, roleExpiresAt });
  const token = await tokenFor(admin, id);
  const watcher = await createApiToken(api, owner, 'READ');
  expect(await mutate(token, 'createCategory', { name: 'Before' })).toEqual({ errors: [] });
  api.advance(2 * HOUR);
  expect(await mutate(token, 'createCategory', { name: 'After' })).toEqual({ refused: 'ROLE_EXPIRED' });
  expect((await queryData(watcher, NODE, { id })).node).toMatchObject({ role: { name: 'User' } });
  api.advance(-2 * HOUR);
});
