import { describe, expect, test } from 'vitest';
import { allow, createRole, giveRole } from '../decisions/support.ts';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import {
  addMember,
  createCheck,
  createOrganization,
  getRubric,
  membersOfEachRole,
  queryData,
} from '../support/world.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const people = await membersOfEachRole(api, acme);
const rubric = await getRubric(people.owner);
const { categories, levels } = rubric;

// The creation order differs from all other orders.
const CHECKS = [
  { name: 'Zero downtime', category: { id: categories['Reliability'] }, level: { id: levels['Gold'] } },
  { name: '100% covered', category: { id: categories['Reliability'] }, level: { id: levels['Silver'] } },
  { name: 'has_owner', category: { id: categories['Ownership'] }, level: { id: levels['Bronze'] } },
  { name: 'Übersicht', category: { id: categories['Observability'] }, level: { id: levels['Bronze'] }, enabled: false },
  { name: 'Backups', category: { id: categories['Reliability'] }, level: { id: levels['Bronze'] }, enabled: false },
  { name: 'hasXowner', category: { id: categories['Ownership'] }, level: { id: levels['Gold'] } },
  { name: 'Path C:\\temp', category: { id: categories['Security'] }, level: { id: levels['Gold'] } },
];
for (const check of CHECKS) await createCheck(people.admin, rubric, check);

const LIST = `query ($filter: CheckFilter, $orderBy: CheckOrder) {
  checks(filter: $filter, orderBy: $orderBy) { totalCount nodes { name } } }`;

/** The names of the list. Throws if totalCount differs. */
async function list(variables: object): Promise<string[]> {
  const { checks } = await queryData(people.read, LIST, { ...variables });
  expect(checks.totalCount).toBe(checks.nodes.length);
  return checks.nodes.map(({ name }: Json) => name);
}

const made = CHECKS.map(({ name }) => name);
const named = made.toSorted();

describe('checks are ordered', () => {
  test.each([
    ['by name by default', undefined, named],
    ['by name, ascending by default', { field: 'NAME' }, named],
    ['by name, descending', { field: 'NAME', direction: 'DESC' }, named.toReversed()],
    ['by creation time, ascending', { field: 'CREATED_AT', direction: 'ASC' }, made],
    ['by creation time, descending', { field: 'CREATED_AT', direction: 'DESC' }, made.toReversed()],
  ])('%s', async (_how, orderBy, expected) => {
    expect(await list({ orderBy })).toEqual(expected);
  });
});

describe('checks are filtered', () => {
  test.each([
    ['by category', { category: { id: categories['Ownership'] } }, ['hasXowner', 'has_owner']],
    ['by level', { level: { id: levels['Bronze'] } }, ['Backups', 'has_owner', 'Übersicht']],
    ['by enabled', { enabled: true }, named.filter((name) => name !== 'Backups' && name !== 'Übersicht')],
    ['by disabled', { enabled: false }, ['Backups', 'Übersicht']],
    ['by a part of the name', { search: 'ow' }, ['Zero downtime', 'hasXowner', 'has_owner']],
    ['by name, ignoring case', { search: 'ZERO DOWN' }, ['Zero downtime']],
    ['by name, ignoring case, also beyond ASCII', { search: 'üBERSICHT' }, ['Übersicht']],
    ['with a literal _', { search: 's_o' }, ['has_owner']],
    ['with a literal %', { search: '0%' }, ['100% covered']],
    ['without % as a wildcard', { search: 'Z%e' }, []],
    ['with a literal \\', { search: 'C:\\T' }, ['Path C:\\temp']],
    ['with a literal quote', { search: "' or '1'='1" }, []],
    ['not at all by an empty search', { search: '' }, named],
    ['not at all by nulls', { category: null, level: null, enabled: null, search: null }, named],
    [
      'by all given conditions',
      { category: { id: categories['Reliability'] }, level: { id: levels['Bronze'] }, enabled: false, search: 'back' },
      ['Backups'],
    ],
    ['by two conditions that exclude each other', { category: { id: categories['Ownership'] }, enabled: false }, []],
    ['by an ID that is not a category', { category: { id: levels['Gold'] } }, []],
    ['by an unknown level', { level: { alias: 'platinum' } }, []],
  ])('%s', async (_how, filter, expected) => {
    expect(await list({ filter })).toEqual(expected);
  });

  test('by a text of at most 100 characters', async () => {
    expect(await list({ filter: { search: 'x'.repeat(100) } })).toEqual([]);
    const { data, errors } = await people.read.query(LIST, { filter: { search: 'x'.repeat(101) } });
    expect(data).toEqual({ checks: null });
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_REQUEST']);
  });

  test.each(['\u0000', '\ud800'])(
    'and a search for %j finds nothing or is refused, without a fault',
    async (search) => {
      const { data, errors } = await people.read.query(LIST, { filter: { search } });
      if (errors) expect(errors.map(({ extensions }) => extensions.code)).toEqual(['BAD_REQUEST']);
      else expect(data.checks.nodes).toEqual([]);
    },
  );
});

test('a filter with a reference that the caller may not see matches nothing, so it tells nothing of it', async () => {
  const owned = { name: 'Owned', category: { alias: 'security' }, level: { alias: 'gold' } };
  await createCheck(people.admin, rubric, { ...owned, ownerId: people.user.memberId });
  const limited = await addMember(api, acme, 'read', 'limited');
  await giveRole(people.owner, limited.memberId, await createRole(people.owner, 'Checks only', [allow('check:read')]));
  const FILTERS = [
    { category: { alias: 'security' } },
    { category: { id: categories['Security'] } },
    { level: { alias: 'gold' } },
    { ownerId: people.user.memberId },
  ];
  for (const filter of FILTERS) {
    expect((await queryData(people.read, LIST, { filter })).checks.totalCount).toBeGreaterThan(0);
    expect((await queryData(limited, LIST, { filter })).checks).toEqual({ totalCount: 0, nodes: [] });
  }
});

test('an operation cannot make many searches, however short it is', async () => {
  const searches = (count: number, text: string): string =>
    Array.from(
      { length: count },
      (_, at) => `a${at}: checks(filter: { search: ${text} }, first: 1) { totalCount }`,
    ).join(' ');
  expect((await people.read.query(`{ ${searches(15, '"x"')} }`)).errors).toBeUndefined();
  const tooMany = await people.read.query(`{ ${searches(25, '"x"')} }`);
  expect({ status: tooMany.status, code: tooMany.errors?.[0].extensions.code }).toEqual({
    status: 400,
    code: 'BAD_REQUEST',
  });
  const document = `query ($text: String) { ${searches(25, '$text')} }`;
  expect((await people.read.query(document, {})).status).toBe(200);
  expect((await people.read.query(document, { text: null })).status).toBe(200);
  expect((await people.read.query(document, { text: 'x' })).status).toBe(400);
});

test('the order of the last update has cursors, and rejects one with a value that is not a time', async () => {
  const PAGE = `query ($after: String) {
    checks(first: 2, after: $after, orderBy: { field: UPDATED_AT }) {
      totalCount nodes { id updatedAt } pageInfo { hasNextPage endCursor }
    }
  }`;
  const nodes: { id: string; updatedAt: string }[] = [];
  let page = (await queryData(people.owner, PAGE)).checks;
  nodes.push(...page.nodes);
  while (page.pageInfo.hasNextPage) {
    page = (await queryData(people.owner, PAGE, { after: page.pageInfo.endCursor })).checks;
    nodes.push(...page.nodes);
  }
  expect(new Set(nodes.map(({ id }) => id)).size).toBe(page.totalCount);
  expect(nodes.map(({ updatedAt }) => updatedAt)).toEqual(nodes.map(({ updatedAt }) => updatedAt).toSorted());
  const [key, , id] = JSON.parse(Buffer.from(page.pageInfo.endCursor, 'base64url').toString());
  const after = Buffer.from(JSON.stringify([key, 'yesterday', id])).toString('base64url');
  const { errors } = await people.owner.query(PAGE, { after });
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
});
