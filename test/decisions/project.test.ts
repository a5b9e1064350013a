import { expect, test } from 'vitest';
import { join, mutate } from '../support/world.ts';
import { createProject, giveProjectRole, projectRoleId, startWorld } from './support.ts';

const { api, acme, people, globex } = await startWorld();
const { owner } = people;

test('a project that the caller cannot read is missing in lists and counts, and reported as not found', async () => {
  const [open, hidden] = [await createProject(owner, 'open'), await createProject(owner, 'hidden')];
  const member = await join(api, acme, 'write', 'no-access');
  await giveProjectRole(owner, hidden, member.memberId, null);
  const see = `query ($id: ID!) { projects { totalCount nodes { key } } node(id: $id) { __typename } nodes(ids: [$id]) { __typename }
    project(id: $id) { key } byKey: project(key: "hidden") { key } }`;
  const nothing = {
    projects: { totalCount: 1, nodes: [{ key: 'open' }] },
    node: null,
    nodes: [null],
    project: null,
    byKey: null,
  };
  expect((await member.query(see, { id: hidden })).data).toEqual(nothing);
  expect((await owner.query(see, { id: hidden })).data.projects.totalCount).toBe(2);

  // An unknown id and an id of another organization get the same response.
  const foreign = await createProject(globex.owner, 'theirs');
  const nowhere = open.replace(/.{4}$/, '0000');
  const touch = (id: string) => [
    mutate(member, 'updateProject', { id, name: 'x' }),
    mutate(member, 'deleteProject', { id, key: 'hidden' }),
    mutate(member, 'createProjectMember', {
      projectId: id,
      principalId: member.memberId,
      roleId: projectRoleId('owner'),
    }),
    mutate(member, 'createRole', { projectId: id, name: 'x', policyIds: [] }),
    mutate(member, 'createPolicy', { projectId: id, name: 'x', statements: [] }),
  ];
  for (const id of [hidden, foreign, nowhere])
    expect(await Promise.all(touch(id))).toEqual(Array.from({ length: 5 }, () => ({ refused: 'NOT_FOUND' })));
  expect(await mutate(member, 'updateProject', { id: open, name: 'Opened' })).toEqual({ errors: [] });
});

test('a project key is unique in any letter case, and a deletion requires the key', async () => {
  const id = await createProject(owner, 'Once');
  expect(await mutate(owner, 'createProject', { key: 'ONCE', name: 'x' })).toEqual({
    errors: [{ code: 'TAKEN', path: ['key'] }],
  });
  expect(await mutate(owner, 'deleteProject', { id, key: 'once' })).toEqual({
    errors: [{ code: 'MISMATCH', path: ['key'] }],
  });
  expect(await mutate(owner, 'deleteProject', { id, key: 'Once' }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
});

test('a deletion of a project deletes its roles and policies, also those in use', async () => {
  const id = await createProject(owner, 'whole');
  const { policy } = await mutate(
    owner,
    'createPolicy',
    { projectId: id, name: 'own', statements: [{ effect: 'ALLOW', permissions: ['dataset:*'] }] },
    'policy { id }',
  );
  const { role } = await mutate(
    owner,
    'createRole',
    { projectId: id, name: 'Own', policyIds: [policy.id] },
    'role { id }',
  );
  const member = await join(api, acme, 'read', 'inside');
  await giveProjectRole(owner, id, member.memberId, role.id);
  expect(await mutate(owner, 'deleteProject', { id, key: 'whole' }, 'deletedId')).toEqual({
    deletedId: id,
    errors: [],
  });
  const { data } = await owner.query('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
    ids: [id, policy.id, role.id],
  });
  expect(data.nodes).toEqual([null, null, null]);
});
