import { expect, test } from 'vitest';
import { allow, createRole, deny, giveRole } from '../decisions/support.ts';
import { type Caller, type Json, startApi } from '../support/api.ts';
import {
  addMember,
  createApiToken,
  createCheck,
  createOrganization,
  getRubric,
  membersOfEachRole,
  mutate,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const { admin, read, owner } = people;
const rubric = await getRubric(admin);

const createScorecard = async (name: string, more: object = {}): Promise<string> =>
  (await mutate(admin, 'createScorecard', { name, ...more }, 'scorecard { id }')).scorecard.id;
const createCategory = async (name: string, scorecard: string | null): Promise<string> =>
  (
    await mutate(
      admin,
      'createCategory',
      { name, ...(scorecard && { scorecard: { id: scorecard } }) },
      'category { id }',
    )
  ).category.id;
const names = ({ nodes }: Json): string[] => nodes.map(({ name }: Json) => name);

/** A member with a custom role. */
async function memberWith(name: string, ...statements: Parameters<typeof createRole>[2]): Promise<Caller> {
  const member = await addMember(api, acme, 'guest', name);
  await giveRole(owner, member.memberId, await createRole(owner, name, statements));
  return member;
}

test('an Admin creates, updates and deletes a scorecard, and every member with role Read or above can read it', async () => {
  const { team } = await mutate(admin, 'createTeam', { name: 'Platform' }, 'team { id }');
  const fields = 'scorecard { id name alias description team { id } filter { id } }';
  const input = { name: ' Production readiness ', alias: 'ready', description: 'Before it is released.' };
  const created = await mutate(admin, 'createScorecard', { ...input, team: { id: team.id } }, fields);
  const expected = { ...input, name: 'Production readiness', team: { id: team.id }, filter: null };
  expect(created).toEqual({ scorecard: { id: expect.stringMatching(/^sco_/), ...expected }, errors: [] });
  const { id } = created.scorecard;
  const one = '{ scorecard(alias: "ready") { name } scorecards { nodes { name } } }';
  for (const caller of [read, people.user, people.write])
    expect(await queryData(caller, one)).toEqual({
      scorecard: { name: expected.name },
      scorecards: { nodes: [{ name: expected.name }] },
    });
  const changes = { name: 'Readiness', description: null, team: null };
  const changed = await mutate(admin, 'updateScorecard', { scorecard: { alias: 'ready' }, ...changes }, fields);
  expect(changed.scorecard).toEqual({ ...expected, ...changes, id });
  const deleted = await mutate(admin, 'deleteScorecard', { scorecard: { id } }, 'deletedId');
  expect(deleted).toEqual({ deletedId: id, errors: [] });
  expect(await queryData(read, '{ scorecard(alias: "ready") { id } }')).toEqual({ scorecard: null });
});

test('a User, a Write member and a READ token of the Owner only read scorecards, and a Guest does not see them', async () => {
  const id = await createScorecard('Kept');
  const writes: [string, object][] = [
    ['createScorecard', { name: 'Mine' }],
    ['updateScorecard', { scorecard: { id }, name: 'Mine' }],
    ['deleteScorecard', { scorecard: { id } }],
  ];
  for (const [name, input] of writes) {
    for (const caller of [read, people.user, people.write])
      expect(await mutate(caller, name, input)).toEqual({ refused: 'NO_GRANT' });
    expect(await mutate(await createApiToken(api, owner, 'READ'), name, input)).toEqual({ refused: 'READ_ONLY_TOKEN' });
  }
  const { data, errors } = await people.guest.query('{ scorecards { nodes { id } } }');
  expect([data.scorecards, errors?.[0].extensions.permission]).toEqual([null, 'scorecard:read']);
  const seen = await queryData(await createApiToken(api, owner, 'READ'), '{ scorecards { nodes { name } } }');
  expect(names(seen.scorecards)).toContain('Kept');
});

test('the categories and checks of a scorecard are in no list of the rubric, but in those of the scorecard', async () => {
  const id = await createScorecard('Listed', { alias: 'listed' });
  const category = await createCategory('Listed secrets', id);
  const check = await createCheck(admin, rubric, { name: 'Listed check', category: { id: category } });
  const document = `query ($id: ID!, $category: ID!) {
    categories { nodes { name } }
    checks { nodes { name } }
    rubric {
      categories { nodes { name } }
      named: categories(filter: { scorecard: { id: $id } }) { nodes { name } }
      checks { nodes { name } }
      ofCategory: checks(filter: { category: { id: $category } }) { nodes { name } }
    }
    ofScorecard: categories(filter: { scorecard: { alias: "listed" } }) { nodes { name scorecard { id } } }
    checksOf: checks(filter: { scorecard: { id: $id } }) { nodes { name } }
    scorecard(id: $id) { categories { nodes { name } } checks { totalCount nodes { name } } }
    category(id: $category) { name checks { nodes { name } } }
  }`;
  const seen = await queryData(read, document, { id, category });
  const inRubric = ['Observability', 'Ownership', 'Reliability', 'Security'];
  expect(names(seen.categories)).toEqual(inRubric);
  expect(names(seen.rubric.categories)).toEqual(inRubric);
  expect(names(seen.rubric.named)).toEqual([]);
  expect(seen.ofScorecard.nodes).toEqual([{ name: 'Listed secrets', scorecard: { id } }]);
  // A check of a scorecard is evaluated like one of the rubric, so the list of all checks has it.
  expect(names(seen.checks)).toContain('Listed check');
  expect(names(seen.rubric.checks)).not.toContain('Listed check');
  expect(names(seen.rubric.ofCategory)).toEqual([]);
  expect(names(seen.checksOf)).toEqual(['Listed check']);
  expect(names(seen.scorecard.categories)).toEqual(['Listed secrets']);
  expect(seen.scorecard.checks).toEqual({ totalCount: 1, nodes: [{ name: 'Listed check' }] });
  expect(seen.category).toEqual({ name: 'Listed secrets', checks: { nodes: [{ name: 'Listed check' }] } });
  const byNode = 'query ($id: ID!) { node(id: $id) { ... on Check { category { scorecard { id } } } } }';
  expect(await queryData(read, byNode, { id: check })).toEqual({ node: { category: { scorecard: { id } } } });
});

test('the pages of a list of categories leave out those of scorecards, and count without them', async () => {
  const document = `query ($after: String) {
    categories(first: 3, after: $after) { totalCount nodes { name } pageInfo { hasNextPage endCursor } }
  }`;
  const first = (await queryData(read, document)).categories;
  const second = (await queryData(read, document, { after: first.pageInfo.endCursor })).categories;
  expect([...names(first), ...names(second)]).toEqual(['Observability', 'Ownership', 'Reliability', 'Security']);
  expect([first.totalCount, second.pageInfo.hasNextPage]).toEqual([4, false]);
});

test('the name of a category is unique in the rubric and in each scorecard, ignoring case', async () => {
  const [one, other] = [await createScorecard('One'), await createScorecard('Other')];
  await createCategory('Security', one);
  await createCategory('Security', other);
  const taken = { category: null, errors: [{ code: 'TAKEN', path: ['name'] }] };
  const again = { name: 'SECURITY', scorecard: { id: one } };
  expect(await mutate(admin, 'createCategory', again, 'category { id }')).toEqual(taken);
  expect(await mutate(admin, 'createCategory', { name: 'security' }, 'category { id }')).toEqual(taken);
  const cost = await createCategory('Cost', one);
  const rename = (name: string) => mutate(admin, 'updateCategory', { category: { id: cost }, name }, 'category { id }');
  expect(await rename('security')).toEqual(taken);
  expect((await rename('Reliability')).errors).toEqual([]);
});

test('a category stays in its scorecard', async () => {
  const id = await createScorecard('Fixed');
  const category = await createCategory('Fixed one', id);
  const document = 'mutation ($input: UpdateCategoryInput!) { updateCategory(input: $input) { errors { code } } }';
  const input = { category: { id: category }, scorecard: null };
  expect((await admin.query(document, { input })).errors?.[0].message).toMatch(/"scorecard" is not defined/);
});

test('a check moves between the rubric and a scorecard with its category', async () => {
  const id = await createScorecard('Moved');
  const category = await createCategory('Moved to', id);
  const check = await createCheck(admin, rubric, { name: 'Moving' });
  const move = (to: string) => mutate(admin, 'updateCheck', { check: { id: check }, category: { id: to } });
  const where = async (): Promise<boolean[]> => {
    const document = `query ($id: ID!) { rubric { checks { nodes { id } } } scorecard(id: $id) { checks { nodes { id } } } }`;
    const seen = await queryData(read, document, { id });
    return [seen.rubric, seen.scorecard].map(({ checks }) => checks.nodes.some((one: Json) => one.id === check));
  };
  expect(await where()).toEqual([true, false]);
  expect(await move(category)).toEqual({ errors: [] });
  expect(await where()).toEqual([false, true]);
  expect(await move(rubric.categories['Security'] ?? '')).toEqual({ errors: [] });
  expect(await where()).toEqual([true, false]);
});

test('category:create and check:create are enough for the contents of a scorecard that the caller can see', async () => {
  const id = await createScorecard('Filled', { alias: 'filled' });
  const maker = await memberWith('maker', allow('*:read', 'category:create', 'check:create'), deny('scorecard:update'));
  const input = { name: 'Filled one', scorecard: { alias: 'filled' } };
  const { category, errors } = await mutate(maker, 'createCategory', input, 'category { id }');
  expect(errors).toEqual([]);
  await createCheck(maker, rubric, { category: { id: category.id } });
  expect(await mutate(maker, 'updateScorecard', { scorecard: { id }, name: 'Renamed' })).toEqual({ refused: 'DENIED' });
  const editor = await memberWith('editor', allow('*:read', 'scorecard:*'));
  expect((await mutate(editor, 'updateScorecard', { scorecard: { id }, name: 'Filled' })).errors).toEqual([]);
  expect(await mutate(editor, 'createCategory', { ...input, name: 'More' })).toEqual({ refused: 'NO_GRANT' });
});

test('without scorecard:read, a caller can neither name a scorecard nor see which one a category belongs to', async () => {
  const id = await createScorecard('Hidden');
  const category = await createCategory('Hidden one', id);
  const blind = await memberWith('blind', allow('*:read', 'category:*'), deny('scorecard:*'));
  const input = { name: 'Put', scorecard: { id } };
  expect((await mutate(blind, 'createCategory', input)).errors).toEqual([{ code: 'NOT_FOUND', path: ['scorecard'] }]);
  const node = 'query ($id: ID!) { node(id: $id) { ... on Category { name scorecard { id } } } }';
  expect(await queryData(blind, node, { id: category })).toEqual({ node: { name: 'Hidden one', scorecard: null } });
  const listed = 'query ($id: ID!) { categories(filter: { scorecard: { id: $id } }) { nodes { id } } }';
  expect(await queryData(blind, listed, { id })).toEqual({ categories: { nodes: [] } });
});

test('scorecards, categories and filters of another organization do not exist', async () => {
  const globex = await createOrganization(api, 'globex');
  const theirs = (await mutate(globex.owner, 'createScorecard', { name: 'Kept' }, 'scorecard { id }')).scorecard.id;
  const category = (
    await mutate(globex.owner, 'createCategory', { name: 'Theirs', scorecard: { id: theirs } }, 'category { id }')
  ).category.id;
  const predicates = [{ key: 'NAME', operator: 'STARTS_WITH', value: 'a' }];
  const { filter } = await mutate(globex.owner, 'createFilter', { name: 'Theirs', predicates }, 'filter { id }');
  const missing = (path: string) => ({ errors: [{ code: 'NOT_FOUND', path: [path] }] });
  const inTheirs = { name: 'Mine', scorecard: { id: theirs } };
  expect(await mutate(owner, 'createCategory', inTheirs)).toEqual(missing('scorecard'));
  expect(await mutate(owner, 'createScorecard', { name: 'Mine', filterId: filter.id })).toEqual(missing('filterId'));
  const check = { name: 'Mine', category: { id: category }, level: { id: rubric.levels['Gold'] } };
  expect(await mutate(owner, 'createCheck', check)).toEqual(missing('category'));
  for (const [name, more] of [
    ['updateScorecard', { name: 'Mine' }],
    ['deleteScorecard', {}],
  ] as const)
    expect(await mutate(owner, name, { scorecard: { id: theirs }, ...more })).toEqual({ refused: 'NOT_FOUND' });
  const document = `query ($id: ID!) {
    scorecard(id: $id) { id }
    categories(filter: { scorecard: { id: $id } }) { nodes { id } }
    checks(filter: { scorecard: { id: $id } }) { nodes { id } }
  }`;
  const nothing = { scorecard: null, categories: { nodes: [] }, checks: { nodes: [] } };
  expect(await queryData(owner, document, { id: theirs })).toEqual(nothing);
});
