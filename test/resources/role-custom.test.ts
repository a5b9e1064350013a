import { describe, expect, test } from 'vitest';
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
} from '../decisions/support.ts';
import type { Json } from '../support/api.ts';
import { addMember, createApiToken, mutate, queryData, roleId } from '../support/world.ts';

const { api, acme, people, globex } = await startWorld();
const { owner, admin, write, read } = people;
const [project, other] = [await createProject(owner, 'project'), await createProject(owner, 'other')];
const policies = {
  organization: await createPolicy(owner, [allow('dataset:*', 'project:read')]),
  denying: await createPolicy(owner, [deny('dataset:delete', 'trace:*')]),
  project: await createPolicy(owner, [allow('golden:read')], project),
  other: await createPolicy(owner, [allow('golden:read')], other),
  foreign: await createPolicy(globex.owner, [allow('dataset:*')]),
};

let last = 0;
const fresh = (): string => `Role ${++last}`;
const make = (input: object, results = ''): Promise<Json> =>
  mutate(admin, 'createRole', { name: fresh(), policyIds: [policies.organization], ...input }, results);
const made = async (input: object = {}): Promise<string> => (await make(input, 'role { id }')).role.id;

const FIELDS = `role { id name description builtIn scope project { id } permissions denied policies { id } viewerPermissions }`;
const NODE = `query ($id: ID!) { node(id: $id) { ... on Role ${FIELDS.replace('role', '')} } }`;

test('a role grants the permissions that its policies allow and none of them denies', async () => {
  const input = {
    name: ' Annotator ',
    description: 'Annotates.',
    policyIds: [policies.denying, policies.organization],
  };
  const { role, errors } = await make(input, FIELDS);
  expect({ errors, role }).toEqual({
    errors: [],
    role: {
      id: expect.stringMatching(/^rol_/),
      name: 'Annotator',
      description: 'Annotates.',
      builtIn: false,
      scope: 'BOTH',
      project: null,
      permissions: expect.any(Array),
      denied: expect.any(Array),
      // Policies are listed by name.
      policies: [{ id: policies.organization }, { id: policies.denying }],
      viewerPermissions: ['role:read', 'role:update', 'role:delete'],
    },
  });
  expect(role.permissions.toSorted()).toEqual([
    'dataset:create',
    'dataset:evaluate',
    'dataset:read',
    'dataset:update',
    'project:read',
  ]);
  expect(role.denied).toEqual(expect.arrayContaining(['dataset:delete', 'trace:read', 'trace:create']));
  expect((await queryData(read, NODE, { id: role.id })).node).toEqual({ ...role, viewerPermissions: ['role:read'] });
  const { roles } = await queryData(read, '{ roles { nodes { name builtIn } } }');
  expect(roles.nodes.slice(0, 11).every(({ builtIn }: Json) => builtIn)).toBe(true);
  expect(roles.nodes.slice(11)).toEqual([{ name: 'Annotator', builtIn: false }]);
});

test('a role of a project has policies of the organization and of that project only', async () => {
  const policyIds = [policies.organization, policies.project];
  const { role } = await make({ projectId: project, policyIds }, FIELDS);
  expect(role).toMatchObject({ scope: 'PROJECT', project: { id: project } });
  const listed = async (projectId?: string): Promise<string[]> =>
    (
      await queryData(read, 'query ($projectId: ID) { roles(projectId: $projectId) { nodes { id } } }', { projectId })
    ).roles.nodes.map(({ id }: Json) => id);
  expect((await listed(project)).slice(0, 5)).toEqual(
    (['owner', 'manager', 'write', 'member', 'read'] as const).map(projectRoleId),
  );
  expect((await listed(project)).slice(5)).toEqual([role.id]);
  for (const place of [undefined, other]) expect(await listed(place)).not.toContain(role.id);

  const missing = (at: number) => ({ errors: [{ code: 'NOT_FOUND', path: ['policyIds', String(at)] }] });
  const use = (projectId: string | undefined, ...ids: string[]) => make({ projectId, policyIds: ids });
  expect(await use(project, policies.organization, policies.other)).toEqual(missing(1));
  expect(await use(undefined, policies.project)).toEqual(missing(0));
  expect(await use(project, policies.foreign)).toEqual(missing(0));
  expect(await use(undefined, policies.organization, policies.denying, role.id)).toEqual(missing(2));
  expect(await mutate(admin, 'updateRole', { id: role.id, policyIds: [policies.other] })).toEqual(missing(0));
  expect((await queryData(read, NODE, { id: role.id })).node).toEqual({ ...role, viewerPermissions: ['role:read'] });
});

test('a role has each policy once', async () => {
  const { role } = await make(
    { policyIds: [policies.organization, policies.organization] },
    'role { policies { id } }',
  );
  expect(role.policies).toEqual([{ id: policies.organization }]);
});

describe('a name', () => {
  const taken = { errors: [{ code: 'TAKEN', path: ['name'] }] };

  test('is unique in the organization or project of the role, ignoring case, and free elsewhere', async () => {
    for (const projectId of [undefined, project, other]) {
      expect(await make({ name: 'Once', projectId })).toEqual({ errors: [] });
      expect(await make({ name: ' ONCE ', projectId })).toEqual(taken);
      const id = await made({ name: 'Twice', projectId });
      expect(await mutate(admin, 'updateRole', { id, name: 'once' })).toEqual(taken);
      expect(await mutate(admin, 'updateRole', { id, name: 'TWICE' })).toEqual({ errors: [] });
    }
    const policyIds = [policies.foreign];
    expect(await mutate(globex.owner, 'createRole', { name: 'Once', policyIds })).toEqual({ errors: [] });
  });

  test.each(['Owner', 'owner', ' ADMIN ', 'Write', 'uSER', 'read', 'Manager', 'MEMBER'])(
    '%j is the name of a built-in role and cannot be used',
    async (name) => {
      for (const projectId of [undefined, project]) expect(await make({ name, projectId })).toEqual(taken);
      const id = await made();
      expect(await mutate(admin, 'updateRole', { id, name })).toEqual(taken);
    },
  );

  test('that only contains the name of a built-in role can be used', async () => {
    expect(await make({ name: 'Product Owner' })).toEqual({ errors: [] });
  });

  test('goes to one of several concurrent requests', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => make({ name: 'Wanted' })));
    expect(answers.map(({ errors }) => errors[0]?.code ?? 'made').sort()).toEqual([...Array(5).fill('TAKEN'), 'made']);
  });
});

describe('nobody', () => {
  test('without the permission creates, updates or deletes a role', async () => {
    const id = await made();
    const input = { name: 'Mine', policyIds: [policies.organization] };
    expect(await mutate(write, 'createRole', input)).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(write, 'updateRole', { id, ...input })).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(write, 'deleteRole', { id })).toEqual({ refused: 'NO_GRANT' });
  });

  test('creates a role from policies that allow permissions they lack', async () => {
    const all = await createPolicy(owner, [allow('*')]);
    const id = await made();
    expect(await make({ policyIds: [all] })).toEqual({ refused: 'NOT_HELD' });
    expect(await mutate(admin, 'updateRole', { id, policyIds: [all] })).toEqual({ refused: 'NOT_HELD' });
    expect((await queryData(owner, NODE, { id })).node.policies).toEqual([{ id: policies.organization }]);
    // A policy that denies permissions grants none of them.
    const denied = await createPolicy(owner, [deny('organization:*')]);
    expect(await make({ policyIds: [all, denied] })).toEqual({ errors: [] });
  });

  test('gives a role of a project in the organization or in another project', async () => {
    const [own, theirs] = [await made({ projectId: project }), await made({ projectId: other })];
    const member = await addMember(api, acme, 'read', 'unplaced');
    const wrong = { errors: [{ code: 'INVALID', path: ['roleId'] }] };
    for (const role of [own, projectRoleId('owner')])
      expect(await mutate(owner, 'updateMember', { id: member.memberId, roleId: role })).toEqual(wrong);
    const give = (role: string) =>
      mutate(owner, 'createProjectMember', { projectId: project, principalId: member.memberId, roleId: role });
    for (const role of [theirs, roleId('read')]) expect(await give(role)).toEqual(wrong);
    expect(await give(own)).toEqual({ errors: [] });
    const anywhere = await made();
    expect(await mutate(owner, 'updateMember', { id: member.memberId, roleId: anywhere })).toEqual({ errors: [] });
  });
});

const HOLDERS = `query ($id: ID!) { node(id: $id) { ... on Role { members { totalCount nodes { __typename id } } } } }`;
const holders = async (id: string, caller = owner): Promise<string[]> => {
  const { members } = (await queryData(caller, HOLDERS, { id })).node;
  expect(members.totalCount).toBe(members.nodes.length);
  return members.nodes.map((node: Json) => node.id).sort();
};

describe('the holders of a role', () => {
  test('are members and service accounts, in the organization or in a project, each of them once', async () => {
    const role = await made();
    const [one, two] = [await addMember(api, acme, 'read', 'one'), await addMember(api, acme, 'read', 'two')];
    const robot = await createServiceAccount(owner, 'holder', role);
    expect(await holders(role)).toEqual([robot]);
    await giveRole(owner, one.memberId, role);
    await giveProjectRole(owner, project, one.memberId, role);
    await giveProjectRole(owner, project, two.memberId, role);
    expect(await holders(role)).toEqual([robot, one.memberId, two.memberId].sort());
    // A caller who cannot read the project does not see its members.
    const outsider = await addMember(api, acme, 'read', 'outsider');
    await giveProjectRole(owner, project, outsider.memberId, null);
    expect(await holders(role, outsider)).toEqual([robot, one.memberId].sort());
    await giveRole(owner, one.memberId, roleId('read'));
    expect(await holders(role, outsider)).toEqual([robot]);
    expect(await holders(role)).toEqual([robot, one.memberId, two.memberId].sort());
  });

  test('exclude former holders of an expired role and future holders of a fallback role', async () => {
    const HOUR = 3_600_000;
    const [brief, after] = [await made(), await made()];
    const { memberId: id } = await addMember(api, acme, 'read', 'brief');
    const roleExpiresAt = new Date(Date.now() + HOUR);
    await giveRole(owner, id, brief, { roleExpiresAt, fallbackRoleId: after });
    // An access token would expire earlier.
    const caller = { ...owner, ...(await createApiToken(api, owner, 'READ')) };
    expect([await holders(brief, caller), await holders(after, caller)]).toEqual([[id], []]);
    api.advance(2 * HOUR);
    expect([await holders(brief, caller), await holders(after, caller)]).toEqual([[], [id]]);
    api.advance(-2 * HOUR);
  });
});

describe('a role in use', () => {
  const USED = 'deletedId errors { usedBy { __typename id } }';

  test('cannot be deleted, and the error lists its present and future holders', async () => {
    const role = await made();
    const robot = await createServiceAccount(owner, 'in use', role);
    const [now, later, inside] = await Promise.all(
      ['now', 'later', 'inside'].map((name) => addMember(api, acme, 'read', name)),
    );
    await giveRole(owner, now?.memberId ?? '', role);
    const end = { roleExpiresAt: '2999-01-01T00:00:00Z', fallbackRoleId: role };
    await giveRole(owner, later?.memberId ?? '', roleId('user'), end);
    await giveProjectRole(owner, project, inside?.memberId ?? '', role);
    const { deletedId, errors } = await mutate(admin, 'deleteRole', { id: role }, USED);
    expect(deletedId).toBeNull();
    expect(errors).toEqual([{ code: 'IN_USE', path: ['id'], usedBy: expect.any(Array) }]);
    const users = [now, later, inside].map((person) => ({ __typename: 'Member', id: person?.memberId }));
    expect(new Set(errors[0].usedBy)).toEqual(new Set([...users, { __typename: 'ServiceAccount', id: robot }]));

    const next = await made();
    const reassigned = { id: role, reassignTo: next };
    expect(await mutate(admin, 'deleteRole', { ...reassigned, dryRun: true }, 'deletedId')).toEqual({
      deletedId: null,
      errors: [],
    });
    expect(await holders(role)).toHaveLength(3);
    expect(await mutate(admin, 'deleteRole', reassigned, 'deletedId')).toEqual({ deletedId: role, errors: [] });
    expect(await holders(next)).toEqual([robot, now?.memberId, inside?.memberId].sort());
    expect((await queryData(owner, NODE, { id: role })).node).toBeNull();
    // The fallback role of future holders was replaced, too.
    expect((await mutate(admin, 'deleteRole', { id: next }, USED)).errors[0].usedBy).toHaveLength(4);
  });

  test('does not show holders in a project that the caller cannot read', async () => {
    const role = await made();
    await giveProjectRole(owner, other, people.user.memberId, role);
    const keeper = await addMember(api, acme, 'read', 'keeper');
    await giveRole(owner, keeper.memberId, await createRole(owner, 'Keeper', [allow('role:*', 'dataset:*', '*:read')]));
    await giveProjectRole(owner, other, keeper.memberId, null);
    expect(await mutate(keeper, 'deleteRole', { id: role }, USED)).toEqual({
      deletedId: null,
      errors: [{ code: 'IN_USE', path: ['id'], usedBy: [] }],
    });
  });

  test.each([
    ['itself', 'INVALID', (role: string) => role],
    ['an unknown role', 'NOT_FOUND', () => 'rol_01h455vb4pex5vsknk084sn02q'],
    ['an object that is not a role', 'NOT_FOUND', () => project],
    ['a built-in project role', 'INVALID', () => projectRoleId('read')],
    ['a role of a project', 'INVALID', () => made({ projectId: project })],
  ])('cannot be replaced by %s', async (_what, code, next) => {
    const role = await made();
    const { memberId } = await addMember(api, acme, 'read', fresh().replace(' ', '-'));
    await giveRole(owner, memberId, role);
    expect(await mutate(admin, 'deleteRole', { id: role, reassignTo: await next(role) })).toEqual({
      errors: [{ code, path: ['reassignTo'] }],
    });
    expect(await holders(role)).toEqual([memberId]);
  });

  test('cannot be replaced by a role that adds or removes permissions that the caller lacks', async () => {
    const role = await made();
    const { memberId } = await addMember(api, acme, 'read', 'guarded');
    await giveRole(owner, memberId, role);
    expect(await mutate(admin, 'deleteRole', { id: role, reassignTo: roleId('owner') })).toEqual({
      refused: 'NOT_HELD',
    });
    const mighty = await createRole(owner, 'Mighty', [allow('*')]);
    await giveRole(owner, memberId, mighty);
    expect(await mutate(admin, 'deleteRole', { id: mighty, reassignTo: roleId('read') })).toEqual({
      refused: 'NOT_HELD',
    });
    expect(await holders(mighty)).toEqual([memberId]);
  });

  test('is either deleted or given after concurrent requests', async () => {
    const { memberId: id } = await addMember(api, acme, 'read', 'racer');
    for (let round = 0; round < 20; round += 1) {
      const role = await made();
      const [removed, given] = await Promise.all([
        mutate(admin, 'deleteRole', { id: role }),
        mutate(owner, 'updateMember', { id, roleId: role }),
      ]);
      const outcome = [removed, given].map(({ errors, refused }) => refused ?? errors[0]?.code ?? 'done').join(' ');
      expect(['done NOT_FOUND', 'done CONFLICT', 'IN_USE done']).toContain(outcome);
      await giveRole(owner, id, roleId('read'));
    }
  });
});

test('a role of a project that the caller cannot read is answered like an unknown one', async () => {
  const id = await made({ projectId: other });
  const shut = await addMember(api, acme, 'write', 'shut-out');
  await giveProjectRole(owner, other, shut.memberId, null);
  expect((await queryData(shut, NODE, { id })).node).toBeNull();
  expect(await mutate(shut, 'updateRole', { id, name: 'Mine' })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(shut, 'deleteRole', { id })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(globex.owner, 'deleteRole', { id })).toEqual({ refused: 'NOT_FOUND' });
});
