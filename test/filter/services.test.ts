import { describe, expect, test } from 'vitest';
import { allow, createRole, giveRole } from '../decisions/support.ts';
import { unknownId } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { addMember, createOrganization, membersOfEachRole, mutate } from '../support/world.ts';
import { create, createFilter, list, names, nested } from './support.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const { admin, user, read } = await membersOfEachRole(api, acme);

const parent = await create(admin, 'Team', { name: 'Platform' });
const child = await create(admin, 'Team', { name: 'Databases', parent: { id: parent } });
const SERVICES = [
  { name: 'Search', language: 'Go', owner: { id: parent }, tags: [{ key: 'env', value: 'Prod' }] },
  { name: 'Payments', language: 'go', owner: { id: child }, description: `${'a'.repeat(4_900)}!` },
  { name: 'Mail', language: 'Rust', tags: [{ key: 'env', value: 'test' }] },
  { name: '100%_done', description: 'back\\slash' },
];
for (const service of SERVICES) await create(user, 'Service', service);
await create(globex.owner, 'Service', { name: 'Search', language: 'Go' });

const GO = { key: 'LANGUAGE', operator: 'EQUALS', value: 'GO' };
const go = await createFilter(admin, GO);
const where = (...predicates: object[]) => ({ matches: { predicates } });

describe('services are listed', () => {
  test.each<[string, object, string[]]>([
    ['by a saved filter', { filterId: go }, ['Payments', 'Search']],
    ['by the same conditions before they are saved', where(GO), ['Payments', 'Search']],
    [
      'by both and a search',
      { filterId: go, ...where({ key: 'OWNER', operator: 'EQUALS', value: parent }), search: 'a' },
      ['Search'],
    ],
    ['case-sensitive', where({ ...GO, value: 'go', caseSensitive: true }), ['Payments']],
    [
      'by a team with its child teams',
      where({ key: 'OWNER', operator: 'BELONGS_TO', value: parent }),
      ['Payments', 'Search'],
    ],
    ['by the child team only', where({ key: 'OWNER', operator: 'BELONGS_TO', value: child }), ['Payments']],
    ['by a missing value', where({ key: 'LANGUAGE', operator: 'DOES_NOT_EQUAL', value: 'go' }), ['100%_done', 'Mail']],
    ['by the tag of a key', where({ key: 'TAG', keyData: 'env', operator: 'EQUALS', value: 'prod' }), ['Search']],
    ['by the alias of a service', where({ key: 'ALIAS', operator: 'STARTS_WITH', value: 'pay' }), ['Payments']],
    ['without the wildcards of LIKE', where({ key: 'NAME', operator: 'CONTAINS', value: '%_' }), ['100%_done']],
    ['by a backslash', where({ key: 'DESCRIPTION', operator: 'ENDS_WITH', value: 'K\\SLASH' }), ['100%_done']],
    ['by a quote', where({ key: 'NAME', operator: 'EQUALS', value: "' or '1'='1" }), []],
    ['by the negation of a filter', where(nested(go, 'DOES_NOT_MATCH')), ['100%_done', 'Mail']],
    [
      'by one of several',
      { matches: { connective: 'OR', predicates: [GO, { ...GO, value: 'rust' }] } },
      ['Mail', 'Payments', 'Search'],
    ],
    [
      'by a regular expression that takes exponential time in other engines',
      where({ key: 'DESCRIPTION', operator: 'MATCHES_REGEX', value: '(a+)+$' }),
      [],
    ],
    [
      'by nested repetitions',
      where({ key: 'DESCRIPTION', operator: 'MATCHES_REGEX', value: '^(a|a)*(a|aa)+!$' }),
      ['Payments'],
    ],
  ])('%s', async (_how, variables, expected) => {
    expect(await names(read, variables)).toEqual(expected);
  });

  test('page by page, with cursors that belong to the filter', async () => {
    const first = (await list(read, { filterId: go, first: 1 })).data.services;
    expect(first).toMatchObject({ totalCount: 2, nodes: [{ name: 'Payments' }], pageInfo: { hasNextPage: true } });
    const after = first.pageInfo.endCursor;
    const next = (await list(read, { filterId: go, first: 1, after })).data.services;
    expect(next).toMatchObject({ totalCount: 2, nodes: [{ name: 'Search' }], pageInfo: { hasNextPage: false } });
    const other = await createFilter(admin, GO);
    for (const variables of [{ filterId: other }, {}, where(GO)]) {
      const { errors } = await list(read, { ...variables, first: 1, after });
      expect(errors?.[0]?.extensions.code).toBe('BAD_REQUEST');
    }
  });
});

test('a list with a filter is one planned statement after the filter is read', async () => {
  const query = `query ($filterId: ID, $matches: FilterConditions) {
    saved: services(filterId: $filterId) { totalCount nodes { name tier { name } } }
    preview: services(filter: { matches: $matches }) { edges { cursor node { name } } } }`;
  const response = await fetch(`${api.address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${read.token}` },
    body: JSON.stringify({
      ...{ query, variables: { filterId: go, matches: { predicates: [GO] } }, extensions: { plan: true } },
    }),
  });
  const { data, extensions } = (await response.json()) as Json;
  expect(data.saved.nodes.map(({ name }: Json) => name)).toEqual(['Payments', 'Search']);
  expect(data.preview.edges.map(({ node }: Json) => node.name)).toEqual(['Payments', 'Search']);
  const statement = expect.stringContaining('lower("services"."language")');
  expect(extensions.plan).toEqual({
    ...{ planned: true, reason: null },
    fields: [
      { field: 'saved', statement },
      { field: 'preview', statement },
    ],
  });
});

describe('a filter that cannot be used', () => {
  const codeOf = async (caller: typeof read, variables: object): Promise<string> => {
    const { errors, data } = await list(caller, variables);
    expect(data).toEqual({ services: null });
    return errors?.[0]?.extensions.code;
  };

  test('is not found, whether it does not exist or belongs to another organization', async () => {
    const foreign = await createFilter(globex.owner, GO);
    for (const filterId of [unknownId('fil'), foreign, unknownId('svc'), 'fil', ''])
      expect(await codeOf(read, { filterId })).toBe('NOT_FOUND');
    expect(await names(globex.owner, { filterId: foreign })).toEqual(['Search']);
  });

  test('is refused with the predicate and the reason', async () => {
    const { errors } = await list(read, where(GO, { key: 'NAME', operator: 'EXISTS' }));
    expect(errors?.[0]?.message).toMatch(/^predicates\.1\.operator: is not valid for NAME\. Valid are EQUALS, /);
    expect(errors?.[0]?.extensions.code).toBe('BAD_REQUEST');
    expect(await codeOf(read, where())).toBe('BAD_REQUEST');
    expect(await codeOf(read, where(...Array(51).fill(GO)))).toBe('BAD_REQUEST');
  });

  test('needs filter:read, and the conditions themselves do not', async () => {
    await api.root`update organizations set plan = 'ENTERPRISE' where slug = 'acme'`;
    const role = await createRole(acme.owner, 'Reader', [allow('service:read')]);
    const reader = await addMember(api, acme, 'guest', 'reader');
    await giveRole(acme.owner, reader.memberId, role);
    expect(await names(reader, where(GO))).toEqual(['Payments', 'Search']);
    expect(await codeOf(reader, { filterId: go })).toBe('FORBIDDEN');
    expect(await codeOf(reader, where(nested(go)))).toBe('BAD_REQUEST');
    expect(await codeOf(reader, where({ key: 'OWNER', operator: 'EQUALS', value: parent }))).toBe('BAD_REQUEST');
    const guest = await addMember(api, acme, 'guest', 'visitor');
    expect(await codeOf(guest, where(GO))).toBe('FORBIDDEN');
  });

  test('is refused in 50 aliases of one operation, because each reads all services', async () => {
    const fields = Array.from({ length: 50 }, (_, at) => `s${at}: services(filterId: $id, first: 1) { nodes { id } }`);
    const { errors, status } = await read.query(`query ($id: ID) { ${fields.join(' ')} }`, { id: go });
    expect(status).toBe(400);
    expect(errors?.[0]?.message).toMatch(/its cost is/);
    const few = await read.query(`query ($id: ID) { ${fields.slice(0, 10).join(' ')} }`, { id: go });
    expect(Object.keys(few.data)).toHaveLength(10);
  });
});

test('a changed filter selects other services at once, also for a filter that contains it', async () => {
  const inner = await createFilter(admin, GO);
  const outer = await createFilter(admin, nested(inner));
  expect(await names(read, { filterId: outer })).toEqual(['Payments', 'Search']);
  await mutate(admin, 'updateFilter', { id: inner, predicates: [{ ...GO, value: 'rust' }] });
  expect(await names(read, { filterId: outer })).toEqual(['Mail']);
});
