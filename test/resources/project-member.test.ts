import { describe, expect, test } from 'vitest';
import {
  allow,
  createProject,
  createRole,
  createServiceAccount,
  giveProjectRole,
  giveRole,
  projectRole,
  projectRoleId,
  startWorld,
} from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { ask, join, mutate, type Person, roleId, tokenOf } from '../support/world.ts';

const { api, acme, people, globex } = await startWorld();
const { owner, admin } = people;

let last = 0;
const freshProject = (): Promise<string> => createProject(owner, `project-${++last}`);
const freshMember = (role: Parameters<typeof join>[2] = 'read'): Promise<Person> =>
  join(api, acme, role, `member-${++last}`);

const FIELDS =
  'projectMember { id principal { __typename id } project { id } role { id } createdAt viewerPermissions }';
const LIST = `query ($id: ID!) { project(id: $id) { members(first: 100) { totalCount nodes { id principal { id } role { name } } } } }`;
const listed = async (by: Caller, id: string): Promise<Json> => (await ask(by, LIST, { id })).project.members.nodes;
const create = (by: Caller, projectId: string, principalId: unknown, role: string | null, results = '') =>
  mutate(by, 'createProjectMember', { projectId, principalId, ...projectRole(role) }, results);
const permissions = async (caller: Caller, target: string): Promise<string[]> =>
  (await ask(caller, 'query ($target: ID!) { permissionsOf(targetId: $target) }', { target })).permissionsOf;

test('an Admin gives a project role, changes it and takes it away, and everybody who reads the project sees it', async () => {
  const [project, member] = [await freshProject(), await freshMember()];
  const before = await permissions(member, project);
  const { projectMember, errors } = await create(admin, project, member.memberId, projectRoleId('manager'), FIELDS);
  expect({ projectMember, errors }).toEqual({
    projectMember: {
      id: expect.stringMatching(/^pmb_/),
      principal: { __typename: 'Member', id: member.memberId },
      project: { id: project },
      role: { id: projectRoleId('manager') },
      createdAt: expect.any(String),
      viewerPermissions: ['project_member:read', 'project_member:update', 'project_member:delete'],
    },
    errors: [],
  });
  const { id } = projectMember;
  const NODE = `query ($id: ID!) { node(id: $id) { ... on ProjectMember ${FIELDS.replace('projectMember', '')} } }`;
  expect((await ask(people.read, NODE, { id })).node).toEqual({
    ...projectMember,
    viewerPermissions: ['project_member:read'],
  });
  const granted = async (role: 'manager' | 'read' | 'member'): Promise<string[]> =>
    (
      await ask(owner, 'query ($id: ID!) { node(id: $id) { ... on Role { permissions } } }', {
        id: projectRoleId(role),
      })
    ).node.permissions.toSorted();
  expect((await permissions(member, project)).toSorted()).toEqual(await granted('manager'));
  for (const role of ['read', 'member'] as const) {
    const changed = await mutate(admin, 'updateProjectMember', { id, roleId: projectRoleId(role) }, FIELDS);
    expect(changed).toEqual({ projectMember: { ...projectMember, role: { id: projectRoleId(role) } }, errors: [] });
    expect((await permissions(member, project)).toSorted()).toEqual(await granted(role));
  }
  expect(await mutate(admin, 'updateProjectMember', { id, noAccess: true }, FIELDS)).toEqual({
    projectMember: { ...projectMember, role: null },
    errors: [],
  });
  expect((await member.query(`{ project(id: "${project}") { key } }`)).data).toEqual({ project: null });
  expect(await listed(admin, project)).toEqual([{ id, principal: { id: member.memberId }, role: null }]);
  expect(await mutate(admin, 'deleteProjectMember', { id }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
  expect(await permissions(member, project)).toEqual(before);
  expect(await listed(admin, project)).toEqual([]);
  for (const name of ['updateProjectMember', 'deleteProjectMember'])
    expect(await mutate(admin, name, { id })).toEqual({ refused: 'NOT_FOUND' });
});

test('noAccess removes all access to the project, and reads as a project role without role', async () => {
  const project = await freshProject();
  const member = await freshMember('write');
  const { projectMember } = await create(
    owner,
    project,
    member.memberId,
    null,
    'projectMember { noAccess role { id } }',
  );
  expect(projectMember).toEqual({ noAccess: true, role: null });
  expect((await ask(member, '{ projects(first: 100) { nodes { id } } }')).projects.nodes).not.toContainEqual({
    id: project,
  });
});

test('a missing role is an error, so that a variable that is not set locks nobody out', async () => {
  const project = await freshProject();
  const member = await freshMember('write');
  const place = { projectId: project, principalId: member.memberId };
  const missing = { errors: [{ code: 'REQUIRED', path: ['roleId'] }] };
  const both = { errors: [{ code: 'INVALID', path: ['noAccess'] }] };
  for (const input of [{}, { roleId: null }, { noAccess: false }, { roleId: null, noAccess: null }])
    expect(await mutate(owner, 'createProjectMember', { ...place, ...input }), JSON.stringify(input)).toEqual(missing);
  const roleId = projectRoleId('read');
  expect(await mutate(owner, 'createProjectMember', { ...place, roleId, noAccess: true })).toEqual(both);
  const id = await giveProjectRole(owner, project, member.memberId, roleId);
  for (const input of [{}, { roleId: null }, { noAccess: false }])
    expect(await mutate(owner, 'updateProjectMember', { id, ...input }), JSON.stringify(input)).toEqual(missing);
  expect(await mutate(owner, 'updateProjectMember', { id, roleId, noAccess: true })).toEqual(both);
  expect(await listed(owner, project)).toEqual([{ id, principal: { id: member.memberId }, role: { name: 'Read' } }]);
});

test('a principal has one role in a project, also when two are given at once', async () => {
  const project = await freshProject();
  const robot = await createServiceAccount(owner, `robot-${++last}`, roleId('read'));
  const taken = { errors: [{ code: 'TAKEN', path: ['principalId'] }] };
  for (const id of [(await freshMember()).memberId, robot]) {
    const answers = await Promise.all(
      ['read', 'member', 'manager'].map((role) => create(owner, project, id, projectRoleId(role as 'read'))),
    );
    expect(answers.filter(({ errors }) => errors?.length === 0)).toHaveLength(1);
    expect(answers.filter(({ errors }) => errors?.length === 1)).toEqual([taken, taken]);
    expect(await create(owner, project, id, null)).toEqual(taken);
  }
  expect(await listed(owner, project)).toHaveLength(2);
});

test('who changes or takes away what is being taken away is told that it is gone', async () => {
  const project = await freshProject();
  for (let round = 0; round < 10; round += 1) {
    const id = await giveProjectRole(owner, project, (await freshMember()).memberId, projectRoleId('read'));
    const answers = await Promise.all([
      mutate(owner, 'deleteProjectMember', { id }),
      mutate(admin, 'deleteProjectMember', { id }),
      mutate(admin, 'updateProjectMember', { id, roleId: projectRoleId('member') }, 'projectMember { id }'),
    ]);
    const outcomes = answers.map(({ refused, errors }) => refused ?? errors[0]?.code ?? 'done');
    expect(outcomes.slice(0, 2).sort()).toEqual(['NOT_FOUND', 'done']);
    expect(['NOT_FOUND', 'done']).toContain(outcomes[2]);
    if (outcomes[2] === 'done') expect(answers[2].projectMember).toEqual({ id });
  }
  expect(await listed(owner, project)).toEqual([]);
});

describe('a principal', () => {
  test.each([
    ['of nothing', () => 'mem_01h455vb4pex5vsknk084sn02q'],
    ['that is a user', () => people.user.userId],
    ['of another organization', () => globex.owner.memberId],
    ['that is a member under the prefix of a service account', () => people.user.memberId.replace('mem_', 'sva_')],
    ['that is a project', () => freshProject()],
    ['that is a text', () => 'somebody'],
  ])('%s gets no role', async (_what, id) => {
    const project = await freshProject();
    expect(await create(owner, project, await id(), projectRoleId('read'))).toEqual({
      errors: [{ code: 'NOT_FOUND', path: ['principalId'] }],
    });
    expect(await listed(owner, project)).toEqual([]);
  });

  test('who leaves the organization, or is deleted, has no role in its projects any more', async () => {
    const project = await freshProject();
    const [leaver, removed] = [await freshMember(), await freshMember()];
    const robot = await createServiceAccount(owner, `robot-${++last}`, roleId('read'));
    for (const id of [leaver.memberId, removed.memberId, robot]) await giveProjectRole(owner, project, id, null);
    expect(await mutate(leaver, 'leaveOrganization', {})).toEqual({ errors: [] });
    expect(await mutate(owner, 'deleteMember', { id: removed.memberId })).toEqual({ errors: [] });
    expect(await mutate(owner, 'deleteServiceAccount', { id: robot })).toEqual({ errors: [] });
    expect(await listed(owner, project)).toEqual([]);
  });
});

test.each([
  ['nothing', 'NOT_FOUND', () => 'rol_01h455vb4pex5vsknk084sn02q'],
  ['a text', 'NOT_FOUND', () => 'Member'],
  ['an organization role', 'INVALID', () => roleId('read')],
  [
    'a role of another project',
    'INVALID',
    async () => createRole(owner, `Role ${++last}`, [allow('dataset:*')], await freshProject()),
  ],
  [
    'a role of another organization',
    'NOT_FOUND',
    () => createRole(globex.owner, `Role ${++last}`, [allow('dataset:*')]),
  ],
])('%s is no role to give in a project', async (_what, code, role) => {
  const [project, member] = [await freshProject(), await freshMember()];
  const wrong = { errors: [{ code, path: ['roleId'] }] };
  const given = await role();
  expect(await create(owner, project, member.memberId, given)).toEqual(wrong);
  const id = await giveProjectRole(owner, project, member.memberId, projectRoleId('read'));
  expect(await mutate(owner, 'updateProjectMember', { id, roleId: given })).toEqual(wrong);
  expect(await listed(owner, project)).toEqual([{ id, principal: { id: member.memberId }, role: { name: 'Read' } }]);
});

test('a custom role of the organization, and one of the project, can be given there', async () => {
  const project = await freshProject();
  const grants = [allow('project:read', 'dataset:create')];
  for (const place of [undefined, project]) {
    const member = await freshMember();
    await giveProjectRole(owner, project, member.memberId, await createRole(owner, `Role ${++last}`, grants, place));
    expect(await permissions(member, project)).toEqual(['project:read', 'dataset:create']);
  }
});

describe('a Manager of a project', async () => {
  const project = await freshProject();
  const [manager, other] = [await freshMember(), await freshProject()];
  await giveProjectRole(owner, project, manager.memberId, projectRoleId('manager'));

  test('manages who works there, up to what they hold, and nowhere else', async () => {
    const { memberId } = await freshMember();
    for (const role of ['read', 'member', 'write', 'manager'] as const) {
      const { projectMember, errors } = await create(manager, project, memberId, projectRoleId(role), FIELDS);
      expect(errors).toEqual([]);
      expect(await mutate(manager, 'updateProjectMember', { id: projectMember.id, noAccess: true })).toEqual({
        errors: [],
      });
      expect(await mutate(manager, 'deleteProjectMember', { id: projectMember.id })).toEqual({ errors: [] });
    }
    expect(await create(manager, other, memberId, projectRoleId('read'))).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(manager, 'updateMember', { id: memberId, roleId: roleId('user') })).toEqual({
      refused: 'NO_GRANT',
    });
  });

  test('makes no Owner, takes nothing from one, and does not raise themselves', async () => {
    const [member, boss] = [await freshMember(), await freshMember()];
    expect(await create(manager, project, member.memberId, projectRoleId('owner'))).toEqual({ refused: 'NOT_HELD' });
    const id = await giveProjectRole(owner, project, boss.memberId, projectRoleId('owner'));
    for (const role of [projectRoleId('read'), null])
      expect(await mutate(manager, 'updateProjectMember', { id, ...projectRole(role) })).toEqual({
        refused: 'NOT_HELD',
      });
    expect(await mutate(manager, 'deleteProjectMember', { id })).toEqual({ refused: 'NOT_HELD' });
    const own = (await listed(owner, project)).find(({ principal }: Json) => principal.id === manager.memberId);
    expect(await mutate(manager, 'updateProjectMember', { id: own.id, roleId: projectRoleId('owner') })).toEqual({
      refused: 'NOT_HELD',
    });
    expect(await mutate(await tokenOf(api, owner, 'READ'), 'deleteProjectMember', { id })).toEqual({
      refused: 'READ_ONLY_TOKEN',
    });
  });

  test('steps down, and is no Manager from the next request on', async () => {
    const stepping = await freshMember();
    const id = await giveProjectRole(owner, project, stepping.memberId, projectRoleId('manager'));
    expect(await mutate(stepping, 'updateProjectMember', { id, roleId: projectRoleId('read') })).toEqual({
      errors: [],
    });
    expect(await mutate(stepping, 'updateProjectMember', { id, roleId: projectRoleId('manager') })).toEqual({
      refused: 'NO_GRANT',
    });
  });
});

test('a member with role Write gives no project role, and who may not see them does not', async () => {
  const project = await freshProject();
  const { memberId } = await freshMember();
  expect(await create(people.write, project, memberId, projectRoleId('read'))).toEqual({ refused: 'NO_GRANT' });
  const id = await giveProjectRole(owner, project, memberId, projectRoleId('read'));
  for (const name of ['updateProjectMember', 'deleteProjectMember'])
    expect(await mutate(people.write, name, { id })).toEqual({ refused: 'NO_GRANT' });
  const blind = await freshMember();
  const role = await createRole(owner, `Role ${++last}`, [allow('project:read', 'project_member:update')]);
  await giveRole(owner, blind.memberId, role);
  const { data, errors } = await blind.query(LIST, { id: project });
  expect(data).toEqual({ project: { members: null } });
  expect(errors?.[0].extensions).toMatchObject({
    code: 'FORBIDDEN',
    permission: 'project_member:read',
    reason: 'NO_GRANT',
    target: project,
  });
  for (const name of ['updateProjectMember', 'deleteProjectMember'])
    expect(await mutate(blind, name, { id })).toEqual({ refused: 'NOT_FOUND' });
});

test('in a hidden project, and in another organization, there is no such role', async () => {
  const project = await freshProject();
  const shut = await freshMember('write');
  await giveProjectRole(owner, project, shut.memberId, null);
  const id = await giveProjectRole(owner, project, (await freshMember()).memberId, projectRoleId('read'));
  for (const caller of [shut, globex.owner]) {
    expect(await ask(caller, 'query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual({ node: null });
    for (const name of ['updateProjectMember', 'deleteProjectMember'])
      expect(await mutate(caller, name, { id })).toEqual({ refused: 'NOT_FOUND' });
  }
});
