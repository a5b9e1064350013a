import { expect, test } from 'vitest';
import { type Json, startApi } from '../support/api.ts';
import { ask, cast, duringChange, found, mutate } from '../support/world.ts';

/** An object with an alias is found by it wherever it is found by its ID. */
const api = await startApi();
const people = await cast(api, await found(api, 'acme'));
const { admin } = people;

test('a getter takes the ID or the alias, and exactly one of the two', async () => {
  const { category } = await ask(people.read, '{ category(alias: "security") { id name alias } }');
  expect(category).toMatchObject({ name: 'Security', alias: 'security' });
  expect(await ask(people.read, `{ category(id: "${category.id}") { name } }`)).toEqual({
    category: { name: 'Security' },
  });
  for (const args of ['(id: "cat_x", alias: "security")', '(id: null)']) {
    const { data, errors } = await people.read.query(`{ category${args} { id } }`);
    expect({ data, code: errors?.[0].extensions.code }).toEqual({ data: { category: null }, code: 'BAD_REQUEST' });
  }
});

test.each(['nothing', 'Security', 'cat_x', '', "security' or true --"])(
  'no category has the alias %j',
  async (alias) => {
    const answer = await people.read.query('query ($alias: String) { category(alias: $alias) { id } }', { alias });
    expect(answer).toMatchObject({ data: { category: null }, errors: undefined });
  },
);

test('a reference and the target of a mutation take the ID or the alias', async () => {
  const references = { category: { alias: 'security' }, level: { alias: 'gold' } };
  const input = { name: 'By alias', alias: 'by-alias', ...references };
  const FIELDS = 'check { id name alias category { name } level { name } }';
  const created = await mutate(admin, 'createCheck', input, FIELDS);
  const check = {
    id: created.check.id,
    name: 'By alias',
    alias: 'by-alias',
    category: { name: 'Security' },
    level: { name: 'Gold' },
  };
  expect(created).toEqual({ check, errors: [] });
  const changes = { name: 'Renamed', level: { alias: 'silver' } };
  expect(await mutate(admin, 'updateCheck', { check: { alias: 'by-alias' }, ...changes }, FIELDS)).toEqual({
    check: { ...check, name: 'Renamed', level: { name: 'Silver' } },
    errors: [],
  });
  const LIST = '{ checks(filter: { category: { alias: "security" } }) { nodes { name } } }';
  expect((await ask(admin, LIST)).checks.nodes).toEqual([{ name: 'Renamed' }]);
  expect(await mutate(admin, 'deleteCheck', { check: { alias: 'by-alias' } }, 'deletedId')).toEqual({
    deletedId: check.id,
    errors: [],
  });
  expect(await mutate(admin, 'deleteCheck', { check: { alias: 'by-alias' } })).toEqual({ refused: 'NOT_FOUND' });
});

test('the audit log has the ID of the object that a refused mutation was about', async () => {
  const { category } = await ask(admin, '{ category(alias: "security") { id } }');
  await mutate(people.user, 'updateCategory', { category: { id: category.id }, name: 'Mine' });
  const { auditEvents } = await ask(admin, '{ auditEvents(first: 1) { nodes { action outcome targetId } } }');
  expect(auditEvents.nodes).toEqual([{ action: 'updateCategory', outcome: 'REFUSED', targetId: category.id }]);
});

test('the audit log has the ID of the object that a mutation by alias failed on', async () => {
  const { category } = await ask(admin, '{ category(alias: "security") { id } }');
  await mutate(admin, 'updateCategory', { category: { alias: 'security' }, name: 'Ownership' });
  const { auditEvents } = await ask(admin, '{ auditEvents(first: 1) { nodes { outcome reason targetId } } }');
  expect(auditEvents.nodes).toEqual([{ outcome: 'REJECTED', reason: 'TAKEN', targetId: category.id }]);
});

test('a mutation by alias does not change an object that loses the alias to another one at the same time', async () => {
  await mutate(admin, 'createTier', { name: 'Former', alias: 'moving' });
  await mutate(admin, 'createTier', { name: 'Later' });
  const answer = await duringChange(
    api,
    async (sql) => {
      await sql`update tiers set alias = null where name = 'Former'`;
      await sql`update tiers set alias = 'moving' where name = 'Later'`;
    },
    () => mutate(admin, 'deleteTier', { tier: { alias: 'moving' } }),
  );
  expect(answer).toEqual({ refused: 'NOT_FOUND' });
  const names = (await ask(admin, '{ tiers { nodes { name } } }')).tiers.nodes.map(({ name }: Json) => name);
  expect(names).toEqual(expect.arrayContaining(['Former', 'Later']));
});

test('an alias is unique in the organization, and another organization can use it', async () => {
  const taken = { errors: [{ code: 'TAKEN', path: ['alias'] }] };
  expect(await mutate(admin, 'createCategory', { name: 'Other', alias: 'security' })).toEqual(taken);
  expect(await mutate(admin, 'updateCategory', { category: { alias: 'ownership' }, alias: 'security' })).toEqual(taken);
  const globex = await found(api, 'globex');
  expect(await ask(globex.owner, '{ category(alias: "security") { name } }')).toEqual({
    category: { name: 'Security' },
  });
});

test.each(['x', 'a b', 'Ünïcode', 'UPPER', '-a', 'a--b', 'x'.repeat(64), ' alias'])('%j is no alias', async (alias) => {
  const { errors } = await mutate(admin, 'createCategory', { name: 'Named', alias });
  expect(errors).toEqual([{ code: expect.stringMatching(/INVALID|TOO_/), path: ['alias'] }]);
});

test('null clears an alias, and then it is free', async () => {
  await mutate(admin, 'createTier', { name: 'First', alias: 'first' });
  expect(await mutate(admin, 'updateTier', { tier: { alias: 'first' }, alias: null }, 'tier { alias }')).toEqual({
    tier: { alias: null },
    errors: [],
  });
  expect(await mutate(admin, 'createTier', { name: 'Second', alias: 'first' })).toEqual({ errors: [] });
});

test('an input with neither ID nor alias, or with both, is refused before it is executed', async () => {
  for (const category of [{}, { id: 'cat_x', alias: 'security' }, { id: null }]) {
    const answer = await admin.query(
      'mutation ($category: CategoryReference!) { deleteCategory(input: { category: $category }) { deletedId } }',
      { category },
    );
    expect(answer.errors?.[0].extensions.code).toBe('BAD_REQUEST');
    expect(answer.status).toBe(400);
  }
});

test('references lead back: a category, a level and a member list the checks that refer to them', async () => {
  const input = {
    name: 'Owned',
    category: { alias: 'reliability' },
    level: { alias: 'bronze' },
    ownerId: people.user.memberId,
  };
  await mutate(admin, 'createCheck', input);
  const data = await ask(
    people.read,
    `query ($member: ID!) {
      category(alias: "reliability") { checks { totalCount nodes { name owner { id } } } }
      level(alias: "bronze") { checks { totalCount } }
      node(id: $member) { ... on Member { ownedChecks { nodes { name } } } }
    }`,
    { member: people.user.memberId },
  );
  expect(data).toEqual({
    category: { checks: { totalCount: 1, nodes: [{ name: 'Owned', owner: { id: people.user.memberId } }] } },
    level: { checks: { totalCount: 1 } },
    node: { ownedChecks: { nodes: [{ name: 'Owned' }] } },
  });
});
