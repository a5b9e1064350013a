import { expect, test } from 'vitest';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { createCheck, createOrganization, getRubric, membersOfEachRole, mutate, queryData } from '../support/world.ts';

const api = await startApi();
const people = await membersOfEachRole(api, await createOrganization(api, 'acme'));

const FIELDS = 'category { id name description }';
const names = async (): Promise<string[]> =>
  (await queryData(people.read, '{ categories { nodes { name } } }')).categories.nodes.map(({ name }: Json) => name);

test('an Admin creates, updates and deletes a category, and every member can read it by ID', async () => {
  const made = await mutate(people.admin, 'createCategory', { name: ' Cost ', description: 'Money.' }, FIELDS);
  expect(made).toEqual({
    category: { id: expect.stringMatching(/^cat_/), name: 'Cost', description: 'Money.' },
    errors: [],
  });
  const { id } = made.category;
  const node = 'query ($id: ID!) { node(id: $id) { id ... on Category { name description } } }';
  expect(await queryData(people.read, node, { id })).toEqual({ node: made.category });
  const changed = { name: 'Costs', description: 'Money and time.' };
  expect(await mutate(people.admin, 'updateCategory', { category: { id }, ...changed }, FIELDS)).toEqual({
    category: { id, ...changed },
    errors: [],
  });
  expect(await mutate(people.admin, 'deleteCategory', { category: { id } }, 'deletedId')).toEqual({
    deletedId: id,
    errors: [],
  });
  expect(await queryData(people.read, node, { id })).toEqual({ node: null });
});

test('a User cannot create, update or delete a category', async () => {
  const { categories } = await getRubric(people.user);
  const before = await names();
  expect(await mutate(people.user, 'createCategory', { name: 'Mine' })).toEqual({ refused: 'NO_GRANT' });
  expect(
    await mutate(people.user, 'updateCategory', { category: { id: categories['Security'] }, name: 'Mine' }),
  ).toEqual({
    refused: 'NO_GRANT',
  });
  expect(await mutate(people.user, 'deleteCategory', { category: { id: categories['Security'] } })).toEqual({
    refused: 'NO_GRANT',
  });
  expect(await names()).toEqual(before);
});

test('categories are listed by name', async () => {
  for (const name of ['Zeal', 'Accessibility', 'Latency']) await mutate(people.admin, 'createCategory', { name });
  const all = await names();
  expect(all).toEqual(all.toSorted());
  expect(all).toEqual(expect.arrayContaining(['Accessibility', 'Latency', 'Security', 'Zeal']));
});

test('a name is unique in the organization, ignoring case, and free in another organization', async () => {
  const taken = { category: null, errors: [{ code: 'TAKEN', path: ['name'] }] };
  expect(await mutate(people.admin, 'createCategory', { name: 'SECURITY' }, FIELDS)).toEqual(taken);
  const { categories } = await getRubric(people.admin);
  const id = categories['Reliability'];
  expect(await mutate(people.admin, 'updateCategory', { category: { id }, name: ' security ' }, FIELDS)).toEqual(taken);
  expect(
    await mutate(people.admin, 'updateCategory', { category: { id }, name: 'RELIABILITY' }, 'category { name }'),
  ).toEqual({
    category: { name: 'RELIABILITY' },
    errors: [],
  });
  const globex = await createOrganization(api, 'globex');
  expect(await mutate(globex.owner, 'createCategory', { name: 'Zeal' })).toEqual({ errors: [] });
});

test('one of several concurrent requests gets the same name', async () => {
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => mutate(people.admin, 'createCategory', { name: 'Wanted' })),
  );
  expect(answers.map(({ errors }) => errors[0]?.code ?? 'made').sort()).toEqual([...Array(5).fill('TAKEN'), 'made']);
  expect((await names()).filter((name) => name === 'Wanted')).toHaveLength(1);
});

test('a check shows its category under the new name', async () => {
  const rubric = await getRubric(people.admin);
  const id = await createCheck(people.admin, rubric, { category: { id: rubric.categories['Ownership'] } });
  await mutate(people.admin, 'updateCategory', {
    category: { id: rubric.categories['Ownership'] },
    name: 'Stewardship',
  });
  const seen = await queryData(
    people.read,
    'query ($id: ID!) { node(id: $id) { ... on Check { category { name } } } }',
    {
      id,
    },
  );
  expect(seen).toEqual({ node: { category: { name: 'Stewardship' } } });
});
