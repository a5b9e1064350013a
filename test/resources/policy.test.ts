import { describe, expect, test } from 'vitest';
import {
  allow,
  createPolicy,
  createProject,
  createRole,
  deny,
  giveProjectRole,
  giveRole,
  startWorld,
} from '../decisions/support.ts';
import type { Json } from '../support/api.ts';
import { addMember, mutate, queryData } from '../support/world.ts';

const { api, acme, people, globex } = await startWorld();
const { owner, admin, write, read } = people;
const [project, other] = [await createProject(owner, 'project'), await createProject(owner, 'other')];

const FIELDS =
  'policy { id name description project { id } statements { effect permissions } createdAt viewerPermissions }';
const NODE = `query ($id: ID!) { node(id: $id) { ... on Policy ${FIELDS.replace('policy', '')} } }`;
const nodeOf = async (id: string): Promise<Json> => (await queryData(read, NODE, { id })).node;
const names = async (projectId?: string): Promise<string[]> => {
  const { policies } = await queryData(
    read,
    'query ($projectId: ID) { policies(projectId: $projectId) { nodes { name } } }',
    {
      projectId,
    },
  );
  return policies.nodes.map(({ name }: Json) => name);
};
const statements = [allow('dataset:*', '*:read'), deny('dataset:delete')];

test('an Admin creates, updates and deletes a policy, and every member can read it', async () => {
  const input = { name: ' Data ', description: ' Sets. ', statements };
  const { policy, errors } = await mutate(admin, 'createPolicy', input, FIELDS);
  const made = { id: expect.stringMatching(/^pol_/), name: 'Data', description: ' Sets. ', project: null, statements };
  const can = ['policy:read', 'policy:update', 'policy:delete'];
  expect({ policy, errors }).toMatchObject({ policy: { ...made, viewerPermissions: can }, errors: [] });
  expect(await nodeOf(policy.id)).toEqual({ ...policy, viewerPermissions: ['policy:read'] });
  const changes = { id: policy.id, name: 'Sets', description: null, statements: [allow('golden:read')] };
  expect(await mutate(admin, 'updatePolicy', changes, FIELDS)).toEqual({
    policy: { ...policy, ...changes },
    errors: [],
  });
  const { id } = policy;
  expect(await mutate(admin, 'deletePolicy', { id }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
  expect(await nodeOf(id)).toBeNull();
  expect(await mutate(admin, 'deletePolicy', { id })).toEqual({ refused: 'NOT_FOUND' });
});

test('a member with role Write cannot create, update or delete a policy', async () => {
  const id = await createPolicy(owner, statements);
  const before = await nodeOf(id);
  expect(await mutate(write, 'createPolicy', { name: 'Mine', statements })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(write, 'updatePolicy', { id, name: 'Mine' })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(write, 'deletePolicy', { id })).toEqual({ refused: 'NO_GRANT' });
  expect(await nodeOf(id)).toEqual(before);
});

test('policies are listed by name, separately for the organization and for each project', async () => {
  for (const name of ['Zeal', 'Apart']) {
    await mutate(owner, 'createPolicy', { name, statements });
    await mutate(owner, 'createPolicy', { name: `${name} inside`, statements, projectId: project });
  }
  const all = await names();
  expect(all).toEqual(all.toSorted());
  expect(all).toEqual(expect.arrayContaining(['Apart', 'Zeal']));
  expect(await names(project)).toEqual(['Apart inside', 'Zeal inside']);
  expect(await names(other)).toEqual([]);
});

test('a name is unique in the organization or project of the policy, ignoring case, and free elsewhere', async () => {
  const taken = { errors: [{ code: 'TAKEN', path: ['name'] }] };
  const make = (name: string, projectId?: string) => mutate(admin, 'createPolicy', { name, statements, projectId });
  for (const place of [undefined, project, other]) {
    expect(await make('Once', place)).toEqual({ errors: [] });
    expect(await make(' ONCE ', place)).toEqual(taken);
    const { policy } = await mutate(
      admin,
      'createPolicy',
      { name: 'Twice', statements, projectId: place },
      'policy { id }',
    );
    expect(await mutate(admin, 'updatePolicy', { id: policy.id, name: 'once' })).toEqual(taken);
    expect(await mutate(admin, 'updatePolicy', { id: policy.id, name: 'TWICE' })).toEqual({ errors: [] });
  }
  expect(await mutate(globex.owner, 'createPolicy', { name: 'Once', statements })).toEqual({ errors: [] });
  // The names of built-in roles are not reserved for policies.
  expect(await make('Owner')).toEqual({ errors: [] });
});

test('one of several concurrent requests gets the same name', async () => {
  for (const projectId of [undefined, project]) {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => mutate(admin, 'createPolicy', { name: 'Wanted', statements, projectId })),
    );
    expect(answers.map(({ errors }) => errors[0]?.code ?? 'made').sort()).toEqual([...Array(5).fill('TAKEN'), 'made']);
  }
});

test('one response lists every pattern that matches no permission, with its path and a suggestion', async () => {
  const wrong = [allow('dataset:read', 'traces:read'), deny('metricCollection:read', '*', 'trace.read', 'datset:read')];
  const before = await names();
  const answer = await mutate(owner, 'createPolicy', { name: 'Wrong', statements: wrong }, 'errors { message }');
  expect(answer.errors).toEqual(
    [
      ['0', '1', 'trace:read'],
      ['1', '0', 'metric_collection:read'],
      ['1', '2', 'trace:read'],
      ['1', '3', 'dataset:read'],
    ].map(([statement, pattern, right]) => ({
      code: 'INVALID',
      path: ['statements', statement, 'permissions', pattern],
      message: expect.stringContaining(right as string),
    })),
  );
  expect(await names()).toEqual(before);
});

describe('a policy cannot grant permissions that its author lacks,', () => {
  test('but can deny any permission', async () => {
    const make = (by: typeof owner, statement: object) =>
      mutate(by, 'createPolicy', { name: `By ${by.email} ${JSON.stringify(statement)}`, statements: [statement] });
    for (const pattern of ['organization:delete', 'organization:*', '*:delete', '*']) {
      expect(await make(admin, allow(pattern)), pattern).toEqual({ refused: 'NOT_HELD' });
      expect(await make(admin, deny(pattern)), pattern).toEqual({ errors: [] });
      expect(await make(owner, allow(pattern)), pattern).toEqual({ errors: [] });
    }
    const id = await createPolicy(owner, [allow('dataset:read')]);
    expect(await mutate(admin, 'updatePolicy', { id, statements: [allow('organization:delete')] })).toEqual({
      refused: 'NOT_HELD',
    });
    expect((await nodeOf(id)).statements).toEqual([allow('dataset:read')]);
  });

  test('where a policy of a project counts only permissions of projects', async () => {
    const make = (projectId?: string) =>
      mutate(admin, 'createPolicy', { name: 'Everything here', statements: [allow('*')], projectId });
    expect(await make()).toEqual({ refused: 'NOT_HELD' });
    expect(await make(project)).toEqual({ errors: [] });
  });
});

test('an update of a policy changes every role that uses it, from the next request on', async () => {
  const policy = await createPolicy(owner, [allow('check:read', 'role:read')]);
  const roles = await Promise.all(
    ['First', 'Second'].map(
      async (name) => (await mutate(owner, 'createRole', { name, policyIds: [policy] }, 'role { id }')).role.id,
    ),
  );
  const member = await addMember(api, acme, 'read', 'changing');
  await giveRole(owner, member.memberId, roles[0] as string);
  const held = async (): Promise<string[]> =>
    (await queryData(member, '{ viewer { permissions } }')).viewer.permissions;
  expect(await held()).toEqual(['role:read', 'check:read']);
  const changes = { id: policy, statements: [allow('check:*'), deny('check:delete')] };
  expect(await mutate(admin, 'updatePolicy', changes)).toEqual({ errors: [] });
  const granted = ['check:read', 'check:create', 'check:update'];
  expect(await held()).toEqual(granted);
  const { nodes } = await queryData(
    owner,
    'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Role { permissions denied } } }',
    { ids: roles },
  );
  for (const role of nodes) {
    expect(role.permissions.toSorted()).toEqual(granted.toSorted());
    expect(role.denied).toEqual(['check:delete']);
  }
});

describe('a policy in use', () => {
  const USED = 'deletedId errors { message usedBy { __typename id ... on Role { name } } }';

  test('cannot be deleted, and the error lists the roles by name', async () => {
    const policy = await createPolicy(owner, statements);
    const roleOf = async (name: string, projectId?: string): Promise<string> =>
      (await mutate(owner, 'createRole', { name, projectId, policyIds: [policy] }, 'role { id }')).role.id;
    const [b, a] = [await roleOf('Beta', project), await roleOf('Alpha')];
    const used = await mutate(admin, 'deletePolicy', { id: policy }, USED);
    expect(used).toEqual({
      deletedId: null,
      errors: [
        {
          code: 'IN_USE',
          path: ['id'],
          message: expect.stringMatching(/“Alpha”, “Beta”/),
          usedBy: [
            { __typename: 'Role', id: a, name: 'Alpha' },
            { __typename: 'Role', id: b, name: 'Beta' },
          ],
        },
      ],
    });
    await mutate(owner, 'updateRole', { id: a, policyIds: [await createPolicy(owner, statements)] });
    expect((await mutate(admin, 'deletePolicy', { id: policy }, USED)).errors[0].usedBy).toHaveLength(1);
    await mutate(owner, 'deleteRole', { id: b });
    expect(await mutate(admin, 'deletePolicy', { id: policy })).toEqual({ errors: [] });
  });

  test('does not show a role of a project that the caller cannot read', async () => {
    const policy = await createPolicy(owner, statements);
    await mutate(owner, 'createRole', { name: 'Secret', projectId: other, policyIds: [policy] });
    const keeper = await addMember(api, acme, 'read', 'keeper');
    await giveRole(owner, keeper.memberId, await createRole(owner, 'Keeper', [allow('policy:*', 'role:*', '*:read')]));
    await giveProjectRole(owner, other, keeper.memberId, null);
    const { errors } = await mutate(keeper, 'deletePolicy', { id: policy }, USED);
    expect(errors).toEqual([{ code: 'IN_USE', path: ['id'], message: expect.any(String), usedBy: [] }]);
    expect(errors[0].message).not.toMatch(/Secret|\d/);
  });

  test('is either deleted or used by the new role after concurrent requests', async () => {
    for (let round = 0; round < 20; round += 1) {
      const policy = await createPolicy(owner, statements);
      const [removed, made] = await Promise.all([
        mutate(admin, 'deletePolicy', { id: policy }),
        mutate(owner, 'createRole', { name: `Race ${round}`, policyIds: [policy] }),
      ]);
      const outcome = [removed, made].map(({ errors, refused }) => refused ?? errors[0]?.code ?? 'done').join(' ');
      expect(['done NOT_FOUND', 'IN_USE done']).toContain(outcome);
    }
  });
});

test('a policy of a project that the caller cannot read is answered like an unknown one', async () => {
  const id = await createPolicy(owner, statements, other);
  const outsider = await addMember(api, acme, 'write', 'outsider');
  await giveProjectRole(owner, other, outsider.memberId, null);
  expect(await queryData(outsider, 'query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual({ node: null });
  const list = await outsider.query(`{ policies(projectId: "${other}") { totalCount } }`);
  expect([list.data.policies, list.errors?.[0].extensions.code]).toEqual([null, 'NOT_FOUND']);
  expect(await mutate(outsider, 'updatePolicy', { id, name: 'Mine' })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(outsider, 'deletePolicy', { id })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(globex.owner, 'deletePolicy', { id })).toEqual({ refused: 'NOT_FOUND' });
});
