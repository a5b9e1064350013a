import { describe, expect, test } from 'vitest';
import { allow, createRole, giveRole } from '../decisions/support.ts';
import type { Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { ask, cast, checkOf, found, join, rubricOf } from '../support/world.ts';

const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);
const rubric = await rubricOf(people.owner);
const { categories, levels } = rubric;

// In the order of creation, which is no other order.
const CHECKS = [
  { name: 'Zero downtime', category: { id: categories['Reliability'] }, level: { id: levels['Gold'] } },
  { name: '100% covered', category: { id: categories['Reliability'] }, level: { id: levels['Silver'] } },
  { name: 'has_owner', category: { id: categories['Ownership'] }, level: { id: levels['Bronze'] } },
  { name: 'Übersicht', category: { id: categories['Observability'] }, level: { id: levels['Bronze'] }, enabled: false },
  { name: 'Backups', category: { id: categories['Reliability'] }, level: { id: levels['Bronze'] }, enabled: false },
  { name: 'hasXowner', category: { id: categories['Ownership'] }, level: { id: levels['Gold'] } },
  { name: 'Path C:\\temp', category: { id: categories['Security'] }, level: { id: levels['Gold'] } },
];
for (const check of CHECKS) await checkOf(people.admin, rubric, check);

const LIST = `query ($filter: CheckFilter, $orderBy: CheckOrder) {
  checks(filter: $filter, orderBy: $orderBy) { totalCount nodes { name } } }`;

/** The names of the list; throws when totalCount counts others. */
async function list(variables: object): Promise<string[]> {
  const { checks } = await ask(people.read, LIST, { ...variables });
  expect(checks.totalCount).toBe(checks.nodes.length);
  return checks.nodes.map(({ name }: Json) => name);
}

const made = CHECKS.map(({ name }) => name);
const named = made.toSorted();

describe('checks are ordered', () => {
  test.each([
    ['by name, unless told', undefined, named],
    ['by name upwards, unless told which end', { field: 'NAME' }, named],
    ['by name downwards', { field: 'NAME', direction: 'DESC' }, named.toReversed()],
    ['by creation, the first first', { field: 'CREATED_AT', direction: 'ASC' }, made],
    ['by creation, the last first', { field: 'CREATED_AT', direction: 'DESC' }, made.toReversed()],
  ])('%s', async (_how, orderBy, expected) => {
    expect(await list({ orderBy })).toEqual(expected);
  });
});

describe('checks are found', () => {
  test.each([
    ['by category', { category: { id: categories['Ownership'] } }, ['hasXowner', 'has_owner']],
    ['by level', { level: { id: levels['Bronze'] } }, ['Backups', 'has_owner', 'Übersicht']],
    ['that count', { enabled: true }, named.filter((name) => name !== 'Backups' && name !== 'Übersicht')],
    ['that do not count', { enabled: false }, ['Backups', 'Übersicht']],
    ['by a part of the name', { search: 'ow' }, ['Zero downtime', 'hasXowner', 'has_owner']],
    ['whatever the case', { search: 'ZERO DOWN' }, ['Zero downtime']],
    ['whatever the case, beyond ASCII too', { search: 'üBERSICHT' }, ['Übersicht']],
    ['with _ as it stands', { search: 's_o' }, ['has_owner']],
    ['with % as it stands', { search: '0%' }, ['100% covered']],
    ['with % for nothing else', { search: 'Z%e' }, []],
    ['with \\ as it stands', { search: 'C:\\T' }, ['Path C:\\temp']],
    ['with a quote that ends nothing', { search: "' or '1'='1" }, []],
    ['all of them without a search', { search: '' }, named],
    ['all of them with a filter of nulls', { category: null, level: null, enabled: null, search: null }, named],
    [
      'that fulfil everything given',
      { category: { id: categories['Reliability'] }, level: { id: levels['Bronze'] }, enabled: false, search: 'back' },
      ['Backups'],
    ],
    ['nowhere that two conditions exclude', { category: { id: categories['Ownership'] }, enabled: false }, []],
    ['not in what is no category', { category: { id: levels['Gold'] } }, []],
    ['not on what is no level', { level: { alias: 'platinum' } }, []],
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
  await checkOf(people.admin, rubric, { ...owned, ownerId: people.user.memberId });
  const limited = await join(api, acme, 'read', 'limited');
  await giveRole(people.owner, limited.memberId, await createRole(people.owner, 'Checks only', [allow('check:read')]));
  const FILTERS = [
    { category: { alias: 'security' } },
    { category: { id: categories['Security'] } },
    { level: { alias: 'gold' } },
    { ownerId: people.user.memberId },
  ];
  for (const filter of FILTERS) {
    expect((await ask(people.read, LIST, { filter })).checks.totalCount).toBeGreaterThan(0);
    expect((await ask(limited, LIST, { filter })).checks).toEqual({ totalCount: 0, nodes: [] });
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
