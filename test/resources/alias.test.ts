import { expect, test } from 'vitest';
import { type Json, startApi } from '../support/api.ts';
import { createOrganization, duringChange, membersOfEachRole, mutate, queryData } from '../support/world.ts';

/** An alias identifies an object wherever its ID does. */
const api = await startApi();
const people = await membersOfEachRole(api, await createOrganization(api, 'acme'));
const { admin } = people;

test('a getter takes exactly one of ID and alias', async () => {
  const { category } = await queryData(people.read, '{ category(alias: "security") { id name alias } }');
  expect(category).toMatchObject({ name: 'Security', alias: 'security' });
  expect(await queryData(people.read, `{ category(id: "${category.id}") { name } }`)).toEqual({
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
  expect((await queryData(admin, LIST)).checks.nodes).toEqual([{ name: 'Renamed' }]);
  expect(await mutate(admin, 'deleteCheck', { check: { alias: 'by-alias' } }, 'deletedId')).toEqual({
    deletedId: check.id,
    errors: [],
  });
  expect(await mutate(admin, 'deleteCheck', { check: { alias: 'by-alias' } })).toEqual({ refused: 'NOT_FOUND' });
});

test('the audit event of a refused mutation has the ID of the target, also when the input has its alias', async () => {
  const { category } = await queryData(admin, '{ category(alias: "security") { id } }');
  await mutate(people.user, 'updateCategory', { category: { id: category.id }, name: 'Mine' });
  const { auditEvents } = await queryData(admin, '{ auditEvents(first: 1) { nodes { action outcome targetId } } }');
  expect(auditEvents.nodes).toEqual([{ action: 'updateCategory', outcome: 'REFUSED', targetId: category.id }]);
});

test('the audit log has the ID of the object that a mutation by alias failed on', async () => {
  const { category } = await queryData(admin, '{ category(alias: "security") { id } }');
  await mutate(admin, 'updateCategory', { category: { alias: 'security' }, name: 'Ownership' });
  const { auditEvents } = await queryData(admin, '{ auditEvents(first: 1) { nodes { outcome reason targetId } } }');
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
  const names = (await queryData(admin, '{ tiers { nodes { name } } }')).tiers.nodes.map(({ name }: Json) => name);
  expect(names).toEqual(expect.arrayContaining(['Former', 'Later']));
});

test('an alias is unique in the organization, and another organization can use it', async () => {
  const taken = { errors: [{ code: 'TAKEN', path: ['alias'] }] };
  expect(await mutate(admin, 'createCategory', { name: 'Other', alias: 'security' })).toEqual(taken);
  expect(await mutate(admin, 'updateCategory', { category: { alias: 'ownership' }, alias: 'security' })).toEqual(taken);
  const globex = await createOrganization(api, 'globex');
  expect(await queryData(globex.owner, '{ category(alias: "security") { name } }')).toEqual({
    category: { name: 'Security' },
  });
});

test.each(['x', 'a b', 'Ünïcode', 'UPPER', '-a', 'a--b', 'x'.repeat(64), ' alias'])(
  '%j is not a valid alias',
  async (alias) => {
    const { errors } = await mutate(admin, 'createCategory', { name: 'Named', alias });
    expect(errors).toEqual([{ code: expect.stringMatching(/INVALID|TOO_/), path: ['alias'] }]);
  },
);

test('null clears an alias, and another object can take it', async () => {
  await mutate(admin, 'createTier', { name: 'First', alias: 'first' });
  expect(await mutate(admin, 'updateTier', { tier: { alias: 'first' }, alias: null }, 'tier { alias }')).toEqual({
    tier: { alias: null },
    errors: [],
  });
  expect(await mutate(admin, 'createTier', { name: 'Second', alias: 'first' })).toEqual({ errors: [] });
});

test('an input with neither ID nor alias, or with both, fails validation', async () => {
  for (const category of [{}, { id: 'cat_x', alias: 'security' }, { id: null }]) {
    const answer = await admin.query(
      'mutation ($category: CategoryReference!) { deleteCategory(input: { category: $category }) { deletedId } }',
      { category },
    );
    expect(answer.errors?.[0].extensions.code).toBe('BAD_REQUEST');
    expect(answer.status).toBe(400);
  }
});

test('a category, a level and a member list the checks that refer to them', async () => {
  const input = {
    name: 'Owned',
    category: { alias: 'reliability' },
    level: { alias: 'bronze' },
    ownerId: people.user.memberId,
  };
  await mutate(admin, 'createCheck', input);
  const data = await queryData(
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
