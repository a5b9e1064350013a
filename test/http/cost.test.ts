import { complexityFromQuery } from '@pothos/plugin-complexity';
import { parse, validate } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createCost } from '../../src/http/cost.ts';
import { LIMITS } from '../../src/http/limits.ts';
import { operationOf, rootFields } from '../enforcement/support.ts';
import { schema } from '../support/introspect.ts';

const costOf = createCost(schema);

function costsOf(source: string, variableValues: Record<string, unknown> = {}) {
  const document = parse(source);
  expect(validate(schema, document), source).toEqual([]);
  const own = costOf({ schema, document, variableValues });
  const { complexity, depth } = complexityFromQuery(document, { schema, variables: variableValues, ctx: {} });
  return { own, plugin: { complexity, depth } };
}

const PAGE = '{ totalCount pageInfo { endCursor } edges { cursor node { ...c } } nodes { id ...c } }';
const CHECK = 'fragment c on Check { name notes viewerPermissions owner { role { permissions } } }';
const id = 'chk_01h455vb4pex5vsknk084sn02q';

describe('the cost of an operation is that of the complexity plugin', () => {
  test.each<[string, string, Record<string, unknown>[]]>([
    ['leaves', '{ __typename viewer { __typename permissions user { name } } }', [{}]],
    ['a list', `{ checks ${PAGE} a: checks(first: 500) ${PAGE} b: checks(last: 7) ${PAGE} } ${CHECK}`, [{}]],
    [
      'a length in a variable',
      `query ($n: Int) { checks(first: $n) ${PAGE} ...q } fragment q on Query { a: checks(last: $n) ${PAGE} } ${CHECK}`,
      [{}, { n: null }, { n: 0 }, { n: -3 }, { n: 400 }],
    ],
    ['a default length', `query ($n: Int = 9) { checks(first: $n) ${PAGE} } ${CHECK}`, [{}, { n: null }, { n: 20 }]],
    [
      'nested lists with lengths in variables',
      'query ($n: Int, $m: Int = 3) { roles(first: $n) { nodes { name members(first: $m) { nodes { __typename ... on Member { role { members(first: $n) { nodes { __typename } } } } } } } } }',
      [{}, { n: 2 }, { m: 5 }, { n: 30, m: 40 }],
    ],
    [
      'nodes',
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Check { notes } ... on Role { permissions } } }',
      [{ ids: [] }, { ids: [id] }, { ids: Array(500).fill(id) }, { ids: id }],
    ],
    [
      'nodes with ids in the document',
      `query ($id: ID!) { a: nodes(ids: ["${id}", $id]) { id } b: nodes(ids: "${id}") { id } c: nodes(ids: []) { id } }`,
      [{ id }],
    ],
    [
      'questions',
      'query ($asked: [AuthorizationRequest!]!) { authorize(requests: $asked) { allowed reason } a: authorize(requests: [{ permission: "check:read" }, { permission: "check:update" }]) { allowed } }',
      [
        { asked: [] },
        { asked: Array(100).fill({ permission: 'check:read' }) },
        { asked: { permission: 'check:read' } },
      ],
    ],
    [
      'a matrix',
      'query ($p: [Permission!], $n: Int) { accessMatrix(permissions: $p, first: $n) { nodes { entries { permission } } } }',
      [{}, { p: null }, { p: ['check:read'] }, { p: Array(50).fill('check:read'), n: 3 }],
    ],
    [
      'a search',
      'query ($s: String, $f: MemberFilter, $o: MemberOrder) { a: members(filter: { search: $s }) { nodes { id } } b: members(filter: $f, orderBy: $o) { nodes { id } } c: members(orderBy: { field: NAME }) { nodes { id } } d: members(orderBy: { field: CREATED_AT }, filter: null) { nodes { id } } }',
      [
        {},
        { s: 'a' },
        { s: null, f: null, o: null },
        { f: { search: 'a' }, o: { field: 'CREATED_AT' } },
        { f: {}, o: { field: 'NAME' } },
        { f: { search: null }, o: { field: 'NAME', direction: 'DESC' } },
      ],
    ],
    [
      'a fragment that is used on several types',
      `{ node(id: "${id}") { ...n } nodes(ids: ["${id}"]) { ...n } } fragment n on Node { __typename id ... on Role { ...r } } fragment r on Role { id members { nodes { ...n } } }`.replace(
        ' members { nodes { ...n } }',
        ' policies { name }',
      ),
      [{}],
    ],
    ['payloads', 'mutation { signOut(input: {}) { errors { code usedBy { id } path } } }', [{}]],
  ])('%s', (_what, source, variables) => {
    for (const values of variables) {
      const { own, plugin } = costsOf(source, values);
      expect({ source, values, ...own }).toEqual({ source, values, ...plugin });
    }
  });

  test.each(['Query', 'Mutation'] as const)('for every field of %s', (kind) => {
    for (const field of rootFields(schema, kind)) {
      const { own, plugin } = costsOf(...operationOf(kind, field));
      expect({ field: field.name, ...own }).toEqual({ field: field.name, ...plugin });
    }
  });
});

test('an operation is refused by the length of its lists, and their items are not read', () => {
  const ids = new Proxy(Array<string>(500).fill(id), {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) throw new Error(`reads item ${key}`);
      return Reflect.get(target, key);
    },
  });
  const aliases = Array.from({ length: 60 }, (_, at) => `a${at}: nodes(ids: $ids) { id __typename }`);
  const document = parse(`query ($ids: [ID!]!) { ${aliases.join(' ')} }`);
  expect(costOf({ schema, document, variableValues: { ids } }).complexity).toBe(60 * (1 + 500 * 2));
  expect(60 * (1 + 500 * 2)).toBeGreaterThan(LIMITS.cost);
});

test('values of the wrong type count as omitted, because the execution refuses them', () => {
  const document = parse(
    'query ($n: Int, $ids: [ID!]!, $f: MemberFilter) { nodes(ids: $ids) { id } checks(first: $n) { nodes { id } } members(filter: $f) { nodes { id } } }',
  );
  const { complexity } = costOf({ schema, document, variableValues: { ids: [] } });
  for (const n of ['many', 1e300, 1.5, {}, true])
    for (const variableValues of [{ n }, { n, ids: null, f: 7 }, { n, ids: [], f: 'text' }])
      expect(costOf({ schema, document, variableValues }).complexity).toBe(complexity);
});

test('the cost of each operation of a document is its own', () => {
  const document = parse('query A { __typename } query B { viewer { permissions } }');
  const [a, b] = ['A', 'B'].map((operationName) => costOf({ schema, document, operationName }).complexity);
  expect(a).toBe(1);
  expect(b).toBeGreaterThan(100);
});
