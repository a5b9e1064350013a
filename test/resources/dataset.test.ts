import { describe, expect, test } from 'vitest';
import {
  allow,
  createProject,
  createRole,
  deny,
  giveProjectRole,
  giveRole,
  projectRoleId,
} from '../decisions/support.ts';
import { startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createOrganization,
  membersOfEachRole,
  mutate,
  queryData,
} from '../support/world.ts';

/** Dataset is a declared resource that belongs to a project. */
const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const { owner } = people;
const staging = await createProject(owner, 'staging');
const secret = await createProject(owner, 'secret');
/** This member has no access to the project `secret`. */
const outsider = await addMember(api, acme, 'write', 'outsider');
await giveProjectRole(owner, secret, outsider.memberId, null);
/** This Read member has a role with more permissions in the project `staging`. */
const member = await addMember(api, acme, 'read', 'member');
await giveProjectRole(owner, staging, member.memberId, projectRoleId('member'));

const FIELDS = 'dataset { id name description project { key } viewerPermissions }';
const create = async (projectId: string, name: string): Promise<string> =>
  (await mutate(owner, 'createDataset', { projectId, name }, FIELDS)).dataset.id;

const hidden = await create(secret, 'Hidden');
const visible = await create(staging, 'Visible');
const MISSING = 'dts_01h455vb4pex5vsknk084sn02q';

test('a project member with the permission creates, updates and deletes a dataset in the project', async () => {
  const input = { projectId: staging, name: ' Golden answers ', description: 'By hand.' };
  const { dataset, errors } = await mutate(member, 'createDataset', input, FIELDS);
  expect(errors).toEqual([]);
  expect(dataset).toEqual({
    id: expect.stringMatching(/^dts_/),
    name: 'Golden answers',
    description: 'By hand.',
    project: { key: 'staging' },
    viewerPermissions: ['dataset:read', 'dataset:update', 'dataset:delete', 'dataset:evaluate'],
  });
  const { id } = dataset;
  expect(await mutate(member, 'updateDataset', { id, description: null }, FIELDS)).toEqual({
    dataset: { ...dataset, description: null },
    errors: [],
  });
  expect(await mutate(member, 'deleteDataset', { id }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
  expect(await queryData(member, 'query ($id: ID!) { dataset(id: $id) { id } node(id: $id) { id } }', { id })).toEqual({
    dataset: null,
    node: null,
  });
});

test('a Read member and a READ token cannot change a dataset', async () => {
  const input = { projectId: staging, name: 'No' };
  expect(await mutate(people.read, 'createDataset', input)).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(people.read, 'updateDataset', { id: visible, name: 'No' })).toEqual({ refused: 'NO_GRANT' });
  expect(await mutate(people.read, 'deleteDataset', { id: visible })).toEqual({ refused: 'NO_GRANT' });
  const token = await createApiToken(api, owner, 'READ');
  expect(await mutate(token, 'createDataset', input)).toEqual({ refused: 'READ_ONLY_TOKEN' });
  expect(await queryData(token, `{ dataset(id: "${visible}") { name } }`)).toEqual({ dataset: { name: 'Visible' } });
});

test('the name is unique in the project, ignoring case, also in concurrent requests', async () => {
  const taken = { errors: [{ code: 'TAKEN', path: ['name'] }] };
  expect(await mutate(owner, 'createDataset', { projectId: staging, name: 'VISIBLE' })).toEqual(taken);
  expect(await mutate(owner, 'createDataset', { projectId: secret, name: 'Visible' })).toEqual({ errors: [] });
  const both = await Promise.all(
    ['Same', 'SAME'].map((name) => mutate(owner, 'createDataset', { projectId: staging, name })),
  );
  expect(both).toContainEqual({ errors: [] });
  expect(both).toContainEqual(taken);
});

describe('a dataset of a hidden project does not exist', () => {
  const QUERIES: [string, (id: string) => Promise<unknown>][] = [
    ['dataset', (id) => outsider.query(`{ dataset(id: "${id}") { id name } }`)],
    ['node', (id) => outsider.query(`{ node(id: "${id}") { __typename } }`)],
    ['updateDataset', (id) => mutate(outsider, 'updateDataset', { id, name: 'Mine' })],
    ['deleteDataset', (id) => mutate(outsider, 'deleteDataset', { id })],
  ];
  test.each(QUERIES)('for %s', async (_field, runQuery) => {
    const answers = await Promise.all([runQuery(hidden), runQuery(MISSING)]);
    const [found, missing] = answers.map((answer) => JSON.stringify({ ...(answer as object), headers: null }));
    expect(found?.replaceAll(hidden, 'ID')).toBe(missing?.replaceAll(MISSING, 'ID'));
  });

  test('for lists, counts, searches and filters', async () => {
    const LIST = `query ($filter: DatasetFilter) { datasets(filter: $filter) { totalCount nodes { name } } }`;
    const names = async (filter: object | null) => (await queryData(outsider, LIST, { filter })).datasets;
    const [all] =
      await api.root`select count(*)::int as total from datasets d join projects p on p.organization_id = d.organization_id and p.id = d.project_id where p.key = 'staging'`;
    expect((await names(null)).totalCount).toBe(all?.['total']);
    expect(await names({ search: 'hid' })).toEqual({ totalCount: 0, nodes: [] });
    expect(await names({ projectId: secret })).toEqual({ totalCount: 0, nodes: [] });
    expect(await names({ search: 'visible' })).toEqual({ totalCount: 1, nodes: [{ name: 'Visible' }] });
  });

  test('for who may read datasets but is denied the projects', async () => {
    const reader = await addMember(api, acme, 'read', 'reader');
    const statements = [allow('dataset:read'), deny('project:read')];
    await giveRole(owner, reader.memberId, await createRole(owner, 'Datasets only', statements));
    const QUERY = `query ($id: ID!) {
      dataset(id: $id) { id } node(id: $id) { __typename ... on Dataset { name } } nodes(ids: [$id]) { id } datasets { totalCount }
    }`;
    const none = { dataset: null, node: null, nodes: [null], datasets: { totalCount: 0 } };
    expect(await queryData(reader, QUERY, { id: visible })).toEqual(none);
    expect(await queryData(reader, QUERY, { id: MISSING })).toEqual(none);
  });

  test('as the project of a new one', async () => {
    const refused = await mutate(outsider, 'createDataset', { projectId: secret, name: 'Mine' });
    expect(refused).toEqual({ refused: 'NOT_FOUND' });
    const [count] = await api.root`select count(*)::int as mine from datasets where name = 'Mine'`;
    expect(count).toEqual({ mine: 0 });
  });
});

test('a member with access to one project lists only the datasets of that project', async () => {
  const { datasets } = await queryData(member, '{ datasets { nodes { project { key } } } }');
  expect(new Set(datasets.nodes.map(({ project }: { project: { key: string } }) => project.key))).toEqual(
    new Set(['staging', 'secret']),
  );
  const only = await addMember(api, acme, 'read', 'only');
  await giveProjectRole(owner, secret, only.memberId, null);
  const { datasets: seen } = await queryData(only, '{ datasets { nodes { name project { key } } } }');
  expect(seen.nodes.every(({ project }: { project: { key: string } }) => project.key === 'staging')).toBe(true);
});

test('members of another organization can neither read nor change a dataset', async () => {
  const globex = await createOrganization(api, 'globex');
  expect(await queryData(globex.owner, `{ dataset(id: "${visible}") { id } datasets { totalCount } }`)).toEqual({
    dataset: null,
    datasets: { totalCount: 0 },
  });
  expect(await mutate(globex.owner, 'updateDataset', { id: visible, name: 'Taken' })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(globex.owner, 'createDataset', { projectId: staging, name: 'Astray' })).toEqual({
    refused: 'NOT_FOUND',
  });
});

test('a project lists its datasets by name, with cursors', async () => {
  const key = await createProject(owner, 'paged');
  for (const name of ['C', 'A', 'B']) await create(key, name);
  const PAGE = `query ($id: ID!, $after: String) {
    project(id: $id) { datasets(first: 2, after: $after) { totalCount nodes { name } pageInfo { hasNextPage endCursor } } }
  }`;
  const first = (await queryData(owner, PAGE, { id: key })).project.datasets;
  expect(first).toMatchObject({
    totalCount: 3,
    nodes: [{ name: 'A' }, { name: 'B' }],
    pageInfo: { hasNextPage: true },
  });
  const rest = (await queryData(owner, PAGE, { id: key, after: first.pageInfo.endCursor })).project.datasets;
  expect(rest).toMatchObject({ nodes: [{ name: 'C' }], pageInfo: { hasNextPage: false } });
});

test('datasets can be ordered by name or creation time, and filtered by creation time', async () => {
  const id = await createProject(owner, 'ordered');
  for (const name of ['Z', 'Y', 'X']) await create(id, name);
  const LIST = `query ($filter: DatasetFilter, $orderBy: DatasetOrder) {
    datasets(filter: $filter, orderBy: $orderBy) { nodes { name createdAt } }
  }`;
  const list = async (orderBy: object | null, more: object = {}) =>
    (await queryData(owner, LIST, { filter: { projectId: id, ...more }, orderBy })).datasets.nodes;
  const names = (nodes: { name: string }[]) => nodes.map(({ name }) => name).join('');
  expect(names(await list(null))).toBe('XYZ');
  expect(names(await list({ field: 'NAME', direction: 'DESC' }))).toBe('ZYX');
  const byCreation = await list({ field: 'CREATED_AT' });
  expect(names(byCreation)).toBe('ZYX');
  const [, second] = byCreation;
  expect(names(await list(null, { createdAt: { from: second.createdAt } }))).toBe('XY');
  expect(names(await list(null, { createdAt: { to: second.createdAt } }))).toBe('Z');
});

test('deleting a project deletes its datasets', async () => {
  const id = await createProject(owner, 'doomed');
  const dataset = await create(id, 'Doomed');
  expect(await mutate(owner, 'deleteProject', { id, key: 'doomed' })).toEqual({ errors: [] });
  expect(await queryData(owner, `{ node(id: "${dataset}") { id } }`)).toEqual({ node: null });
});
