import { describe, expect, test } from 'vitest';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  deny,
  giveProjectRole,
  giveRole,
  projectRoleId,
  startWorld,
} from '../decisions/support.ts';
import type { Caller, Json } from '../support/api.ts';
import { addMember, mutate, queryData, roleId } from '../support/world.ts';

const { api, acme, people } = await startWorld();
const { owner, admin, read } = people;
const [project, other] = [await createProject(owner, 'project'), await createProject(owner, 'other')];
const policies = {
  data: await createPolicy(owner, [allow('dataset:*')]),
  ofProject: await createPolicy(owner, [allow('golden:read')], project),
};

let last = 0;
const fresh = (): string => `Role ${++last}`;
const FIELDS = 'role { id permissions denied statements { effect permissions } policies { id } }';
const make = (by: Caller, input: object, results = FIELDS): Promise<Json> =>
  mutate(by, 'createRole', { name: fresh(), ...input }, results);
const made = async (input: object): Promise<string> => (await make(owner, input)).role.id;
const NODE = `query ($id: ID!) { node(id: $id) { ... on Role { id permissions denied statements { effect permissions } policies { id } viewerPermissions } } }`;
const nodeOf = async (by: Caller, id: string): Promise<Json> => (await queryData(by, NODE, { id })).node;

/** A member whose organization role has these statements. */
async function memberWith(...statements: object[]) {
  const member = await addMember(api, acme, 'read', fresh().replace(' ', '-').toLowerCase());
  await giveRole(owner, member.memberId, await made({ statements }));
  return member;
}

describe('a role with statements of its own', () => {
  test('needs no policy, and its holder has exactly what they grant', async () => {
    const statements = [allow('check:*', 'role:read'), deny('check:delete')];
    const { role, errors } = await make(admin, { statements });
    expect(errors).toEqual([]);
    const permissions = ['role:read', 'check:read', 'check:create', 'check:update'];
    expect(role).toEqual({
      ...{ id: expect.any(String), permissions, denied: ['check:delete'] },
      ...{ statements, policies: [] },
    });
    const member = await addMember(api, acme, 'read', 'holder');
    await giveRole(owner, member.memberId, role.id);
    expect((await queryData(member, '{ viewer { permissions } }')).viewer.permissions).toEqual(permissions);
    const { access } = await queryData(
      owner,
      'query ($id: ID!) { access(principalId: $id, permission: "check:delete") { reason message } }',
      { id: member.memberId },
    );
    expect(access).toEqual({
      reason: 'DENIED',
      message: expect.stringMatching(/^check:delete is needed, and a statement of role Role \d+ denies it\.$/),
    });
  });

  test('can have policies too, and a denial of either wins', async () => {
    const { role } = await make(admin, {
      statements: [allow('golden:read'), deny('dataset:delete')],
      policyIds: [policies.data],
    });
    expect(role.permissions.toSorted()).toEqual([
      ...['dataset:create', 'dataset:evaluate', 'dataset:read', 'dataset:update', 'golden:read', 'project:read'],
    ]);
    expect([role.denied, role.policies]).toEqual([['dataset:delete'], [{ id: policies.data }]]);
  });

  test('must have at least a statement, a policy or a role to copy', async () => {
    const required = { role: null, errors: [{ code: 'REQUIRED', path: ['statements'] }] };
    for (const input of [{}, { statements: [] }, { policyIds: [], statements: null }])
      expect(await make(admin, input)).toEqual(required);
    const id = await made({ statements: [allow('dataset:read')], policyIds: [policies.data] });
    const update = (input: object) => mutate(admin, 'updateRole', { id, ...input }, FIELDS);
    expect((await update({ statements: null })).role.statements).toEqual([]);
    for (const input of [{ policyIds: [] }, { policyIds: null, statements: [] }])
      expect(await update(input)).toEqual(required);
    const replaced = await update({ policyIds: [], statements: [allow('trace:read')] });
    expect(replaced.role).toMatchObject({ permissions: ['project:read', 'trace:read'], policies: [] });
    // Omitted lists are unchanged.
    expect((await update({ description: 'Reads traces.' })).role).toEqual(replaced.role);
  });

  test('is checked like a policy', async () => {
    const wrong = [allow('dataset:read', 'traces:read')];
    const path = ['statements', '0', 'permissions', '1'];
    const id = await made({ statements: [allow('dataset:read')] });
    for (const [name, input] of [
      ['createRole', { name: fresh(), statements: wrong }],
      ['updateRole', { id, statements: wrong }],
    ] as const)
      expect(await mutate(admin, name, input, 'errors { message }')).toEqual({
        errors: [{ code: 'INVALID', path, message: '"traces:read" is spelled trace:read.' }],
      });
    expect(await make(admin, { statements: [allow('*')] })).toEqual({ refused: 'NOT_HELD' });
    expect(await mutate(admin, 'updateRole', { id, statements: [allow('organization:delete')] })).toEqual({
      refused: 'NOT_HELD',
    });
    expect((await nodeOf(owner, id)).statements).toEqual([allow('dataset:read')]);
  });

  test('an update replaces the statements and shows who gains and loses what', async () => {
    const id = await made({ statements: [allow('dataset:read')] });
    const { memberId } = await addMember(api, acme, 'read', 'changing');
    await giveRole(owner, memberId, id);
    const input = { id, statements: [allow('trace:read')] };
    const changes = 'accessChanges { gained lost principal { id } }';
    const expected = [{ gained: ['trace:read'], lost: ['dataset:read'], principal: { id: memberId } }];
    const gone = await mutate(admin, 'updateRole', { ...input, dryRun: true }, changes);
    expect(gone.accessChanges).toEqual(expected);
    expect((await nodeOf(owner, id)).statements).toEqual([allow('dataset:read')]);
    expect((await mutate(admin, 'updateRole', input, changes)).accessChanges).toEqual(expected);
    expect((await nodeOf(owner, id)).statements).toEqual([allow('trace:read')]);
  });

  test('shows its statements and policies only to callers who can read policies', async () => {
    const id = await made({ statements: [allow('dataset:read')], policyIds: [policies.data] });
    const empty = await made({ statements: [allow('dataset:read')] });
    expect(await nodeOf(read, id)).toMatchObject({
      statements: [allow('dataset:read')],
      policies: [{ id: policies.data }],
    });
    const blind = await memberWith(allow('*:read'), deny('policy:read'));
    // Also __typename tells nothing: a role without policies gets the same answer.
    for (const role of [id, empty]) {
      const { data, errors } = await blind.query(
        'query ($id: ID!) { node(id: $id) { ... on Role { statements { __typename } policies { __typename } } } }',
        { id: role },
      );
      expect(data.node).toEqual({ statements: null, policies: null });
      expect(errors?.map(({ extensions }) => extensions.permission)).toEqual(['policy:read', 'policy:read']);
    }
  });
});

describe('a copy of a role', () => {
  test('has exactly the permissions of a built-in role, and those of further statements and policies', async () => {
    const source = (await nodeOf(owner, roleId('write'))).permissions;
    const copy = await make(admin, { copyOf: roleId('write') });
    expect(copy.role.permissions).toEqual(source);
    expect(copy.role).toMatchObject({ statements: [allow(...source)], policies: [] });
    const more = { copyOf: roleId('read'), statements: [allow('check:create'), deny('check:read')] };
    const { permissions } = (await make(admin, { ...more, policyIds: [policies.data] })).role;
    expect(permissions).toEqual(expect.arrayContaining(['check:create', 'dataset:delete', 'member:read']));
    expect(permissions).not.toContain('check:read');
    expect(await make(admin, { copyOf: roleId('owner') })).toEqual({ refused: 'NOT_HELD' });
  });

  test('in a project has the permissions of projects only', async () => {
    const { role } = await make(admin, { copyOf: roleId('write'), projectId: project });
    expect(role.permissions).toContain('dataset:create');
    expect(role.permissions).not.toContain('check:read');
    const same = await make(admin, { copyOf: projectRoleId('manager'), projectId: project });
    expect(same.role.permissions).toEqual((await nodeOf(owner, projectRoleId('manager'))).permissions);
  });

  test('has the statements and policies of a custom role, and stays when that role changes', async () => {
    const source = await made({ statements: [deny('dataset:delete')], policyIds: [policies.data] });
    const { role } = await make(admin, {
      copyOf: source,
      statements: [allow('trace:read')],
      policyIds: [policies.data],
    });
    expect(role).toMatchObject({
      statements: [deny('dataset:delete'), allow('trace:read')],
      policies: [{ id: policies.data }],
    });
    await mutate(admin, 'updateRole', { id: source, statements: null });
    expect((await nodeOf(owner, role.id)).denied).toEqual(['dataset:delete']);
  });

  test('cannot have what its author may not read or what another project owns', async () => {
    const ofProject = await made({ projectId: project, policyIds: [policies.ofProject] });
    const unusable = { role: null, errors: [{ code: 'INVALID', path: ['copyOf'] }] };
    expect(await make(admin, { copyOf: ofProject })).toEqual(unusable);
    expect(await make(admin, { copyOf: ofProject, projectId: other })).toEqual(unusable);
    expect((await make(admin, { copyOf: ofProject, projectId: project })).errors).toEqual([]);
    const blind = await memberWith(allow('*:read', 'role:*', 'dataset:*'), deny('policy:read'));
    for (const input of [{ statements: [allow('dataset:read')] }, { policyIds: [policies.data] }])
      expect(await make(blind, { copyOf: await made(input) }, '')).toEqual({
        errors: [{ code: 'INVALID', path: ['copyOf'] }],
      });
    const unknown = { role: null, errors: [{ code: 'NOT_FOUND', path: ['copyOf'] }] };
    expect(await make(admin, { copyOf: 'rol_01h455vb4pex5vsknk084sn02q' })).toEqual(unknown);
    const outsider = await memberWith(allow('*:read', 'role:*', 'policy:*', 'golden:*', 'dataset:*'));
    await giveProjectRole(owner, project, outsider.memberId, null);
    expect(await make(outsider, { copyOf: ofProject })).toEqual(unknown);
  });
});

test('nobody updates or deletes a role that grants more than they have, and viewerPermissions says so', async () => {
  const strong = await made({ statements: [allow('*')] });
  const weak = await made({ statements: [allow('role:read')] });
  const may = async (id: string) => (await nodeOf(admin, id)).viewerPermissions;
  expect(await may(strong)).toEqual(['role:read']);
  for (const [name, input] of [
    ['updateRole', { description: 'x' }],
    ['updateRole', { statements: [allow('role:read')] }],
    ['deleteRole', {}],
  ] as const)
    expect(await mutate(admin, name, { id: strong, ...input })).toEqual({ refused: 'NOT_HELD' });
  expect(await may(weak)).toEqual(['role:read', 'role:update', 'role:delete']);
  expect(await mutate(admin, 'updateRole', { id: weak, description: 'x' })).toEqual({ errors: [] });
  expect(await mutate(admin, 'deleteRole', { id: weak })).toEqual({ errors: [] });
  expect((await nodeOf(owner, strong)).viewerPermissions).toEqual(['role:read', 'role:update', 'role:delete']);
  expect(await mutate(owner, 'deleteRole', { id: strong })).toEqual({ errors: [] });
});

describe('the list of assignable roles', () => {
  const LIST = `query ($projectId: ID, $assignable: Boolean, $after: String) {
    roles(projectId: $projectId, assignable: $assignable, first: 100, after: $after) { nodes { id } pageInfo { endCursor } }
  }`;
  const list = async (by: Caller, variables: object): Promise<string[]> =>
    (await queryData(by, LIST, { ...variables })).roles.nodes.map(({ id }: Json) => id);

  test('of a project has its own roles and the custom roles of the organization, and each can be given there', async () => {
    const [everywhere, here, elsewhere] = [
      await made({ statements: [allow('dataset:read')] }),
      await made({ statements: [allow('dataset:read')], projectId: project }),
      await made({ statements: [allow('dataset:read')], projectId: other }),
    ];
    const all = await list(owner, { projectId: project, assignable: true });
    expect(all).toEqual(expect.arrayContaining([everywhere, here, projectRoleId('member')]));
    for (const id of [elsewhere, roleId('read')]) expect(all).not.toContain(id);
    const { memberId } = await addMember(api, acme, 'read', 'given');
    for (const id of [everywhere, here, projectRoleId('member')])
      expect(
        await mutate(owner, 'createProjectMember', {
          projectId: project,
          principalId: memberId,
          roleId: id,
          dryRun: true,
        }),
      ).toEqual({ errors: [] });
    expect(await list(owner, { projectId: project })).not.toContain(everywhere);
    expect(await list(owner, { projectId: project, assignable: false })).toEqual(
      await list(owner, { projectId: project }),
    );
    // Without the permission in the organization its roles are hidden, as everywhere.
    const local = await memberWith(allow('dataset:read'));
    await giveProjectRole(owner, project, local.memberId, projectRoleId('read'));
    const seen = await list(local, { projectId: project, assignable: true });
    expect(seen).toEqual(expect.arrayContaining([here, projectRoleId('member')]));
    expect(seen).not.toContain(everywhere);
  });

  test('of the organization has no project roles', async () => {
    const all = await list(owner, { assignable: true });
    expect(all).toContain(roleId('read'));
    expect(all).not.toContain(projectRoleId('read'));
    expect(await list(owner, {})).toContain(projectRoleId('read'));
  });

  test('has its own cursors', async () => {
    const { roles } = await queryData(owner, LIST, { projectId: project });
    const { errors } = await owner.query(LIST, {
      ...{ projectId: project, assignable: true },
      after: roles.pageInfo.endCursor,
    });
    expect(errors?.[0]?.extensions.code).toBe('BAD_REQUEST');
  });
});

test('a policy lists the roles that have it and that the caller can read', async () => {
  const policy = await createPolicy(owner, [allow('dataset:read')]);
  const roleOf = async (name: string, projectId?: string): Promise<string> =>
    (await make(owner, { name, projectId, policyIds: [policy] })).role.id;
  const [b, a, c] = [await roleOf('Beta user'), await roleOf('Alpha user', project), await roleOf('Gamma', other)];
  await createRole(owner, 'No user', [allow('dataset:read')]);
  const ROLES = 'query ($id: ID!) { node(id: $id) { ... on Policy { roles { totalCount nodes { id name } } } } }';
  const rolesOf = async (by: Caller): Promise<string[]> => {
    const { roles } = (await queryData(by, ROLES, { id: policy })).node;
    expect(roles.totalCount).toBe(roles.nodes.length);
    return roles.nodes.map(({ id }: Json) => id);
  };
  expect(await rolesOf(read)).toEqual([a, b, c]);
  const outsider = await addMember(api, acme, 'read', 'outsider');
  await giveProjectRole(owner, other, outsider.memberId, null);
  expect(await rolesOf(outsider)).toEqual([a, b]);
  const noRoles = await memberWith(allow('*:read'), deny('role:read'));
  expect(await rolesOf(noRoles)).toEqual([]);
});
