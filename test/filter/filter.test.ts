import { describe, expect, test } from 'vitest';
import { FILTER_KEYS, keyRule } from '../../src/resources/filter/keys.ts';
import { unknownId } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { createApiToken, createOrganization, membersOfEachRole, mutate, queryData } from '../support/world.ts';
import { create, createFilter, FIELDS, nested } from './support.ts';

const api = await startApi();
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
const people = await membersOfEachRole(api, acme);
const { admin, user, read } = people;

const tierOf = async (caller: typeof admin): Promise<string> =>
  (await queryData(caller, '{ tiers { nodes { id } } }')).tiers.nodes[0].id;
const tier = await tierOf(admin);
const foreign = await tierOf(globex.owner);
const team = await create(admin, 'Team', { name: 'Search' });
const definition = await create(admin, 'PropertyDefinition', { name: 'Port', schema: { type: 'integer' } });

const EMPTY = { keyData: null, value: null, caseSensitive: false };
const PREDICATES = [
  { ...EMPTY, key: 'NAME', operator: 'CONTAINS', value: ' 100%_\\ ', caseSensitive: true },
  { ...EMPTY, key: 'TAG', keyData: 'env', operator: 'EXISTS' },
  { ...EMPTY, key: 'OWNER', operator: 'BELONGS_TO', value: team },
  { ...EMPTY, key: 'TIER', operator: 'LESS_THAN_OR_EQUAL_TO', value: tier },
  { ...EMPTY, key: 'PROPERTY', keyData: definition, operator: 'GREATER_THAN_OR_EQUAL_TO', value: '1024' },
  { ...EMPTY, key: 'LINK', operator: 'MATCHES_REGEX', value: '^https://[a-z.]+/$' },
  { ...EMPTY, key: 'NAME', operator: 'CONTAINS', value: ' 100%_\\ ', caseSensitive: true },
];

test('an Admin creates a filter, and every member reads it as it was written', async () => {
  const input = { name: ' Critical ', description: 'One.', connective: 'OR', predicates: PREDICATES };
  const made = await mutate(admin, 'createFilter', input, `filter { id ${FIELDS} }`);
  const { id, ...fields } = made.filter;
  expect(fields).toEqual({ ...input, name: 'Critical' });
  const node = `query ($id: ID!) { filter(id: $id) { ${FIELDS} } node(id: $id) { ... on Filter { ${FIELDS} viewerPermissions } } }`;
  const permissions = ['filter:read', 'filter:update', 'filter:delete'];
  expect(await queryData(admin, node, { id })).toEqual({
    filter: fields,
    node: { ...fields, viewerPermissions: permissions },
  });
  expect((await queryData(read, node, { id })).node).toEqual({ ...fields, viewerPermissions: ['filter:read'] });
  expect(await queryData(globex.owner, node, { id })).toEqual({ filter: null, node: null });
  const byName = `{ filters(filter: { search: "CRIT" }) { totalCount nodes { ${FIELDS} } } }`;
  expect((await queryData(read, byName)).filters).toEqual({ totalCount: 1, nodes: [fields] });
});

test('a User and a READ token cannot change filters, and an Admin can', async () => {
  const id = await createFilter(admin, PREDICATES[0] as object);
  const token = await createApiToken(api, admin, 'READ');
  for (const [caller, refused] of [
    [user, 'NO_GRANT'],
    [token, 'READ_ONLY_TOKEN'],
  ] as const) {
    expect(await mutate(caller, 'createFilter', { name: 'Mine', predicates: PREDICATES })).toEqual({ refused });
    expect(await mutate(caller, 'updateFilter', { id, name: 'Mine' })).toEqual({ refused });
    expect(await mutate(caller, 'deleteFilter', { id })).toEqual({ refused });
  }
  expect(await mutate(globex.owner, 'deleteFilter', { id })).toEqual({ refused: 'NOT_FOUND' });
  expect(await mutate(admin, 'deleteFilter', { id }, 'deletedId')).toEqual({ deletedId: id, errors: [] });
});

test('an update replaces the predicates only if it mentions them, and the audit event has both states', async () => {
  const id = await createFilter(admin, ...PREDICATES.slice(0, 2));
  const results = 'filter { connective predicates { key } }';
  const renamed = await mutate(admin, 'updateFilter', { id, name: 'Renamed', connective: 'OR' }, results);
  expect(renamed.filter).toEqual({ connective: 'OR', predicates: [{ key: 'NAME' }, { key: 'TAG' }] });
  const replaced = await mutate(admin, 'updateFilter', { id, predicates: PREDICATES.slice(2, 3) }, results);
  expect(replaced.filter).toEqual({ connective: 'OR', predicates: [{ key: 'OWNER' }] });
  const [event] =
    await api.root`select before, after from audit_events where target_id = ${id} order by id desc limit 1`;
  expect(event).toEqual({
    before: expect.objectContaining({ name: 'Renamed', predicates: PREDICATES.slice(0, 2) }),
    after: expect.objectContaining({ name: 'Renamed', predicates: PREDICATES.slice(2, 3) }),
  });
  expect(await mutate(admin, 'updateFilter', { id, predicates: null })).toEqual({
    errors: [{ code: 'REQUIRED', path: ['predicates'] }],
  });
});

test('a predicate shows the object that it refers to, if the caller can see it', async () => {
  const inner = await createFilter(admin, { key: 'NAME', operator: 'EQUALS', value: 'x' });
  const { lifecycles } = await queryData(admin, '{ lifecycles { nodes { id } } }');
  const lifecycle = lifecycles.nodes[0].id;
  const id = await createFilter(
    admin,
    ...PREDICATES.slice(2, 5),
    { key: 'LIFECYCLE', operator: 'EQUALS', value: lifecycle },
    nested(inner),
  );
  const document = `query ($id: ID!) { filter(id: $id) { predicates {
    team { id } tier { id } lifecycle { id } propertyDefinition { id } filter { id } } } }`;
  const none = { team: null, tier: null, lifecycle: null, propertyDefinition: null, filter: null };
  expect((await queryData(read, document, { id })).filter.predicates).toEqual([
    { ...none, team: { id: team } },
    { ...none, tier: { id: tier } },
    { ...none, propertyDefinition: { id: definition } },
    { ...none, lifecycle: { id: lifecycle } },
    { ...none, filter: { id: inner } },
  ]);
});

test('filterKeys publishes exactly what is valid', async () => {
  const document =
    '{ filterKeys { key keyDataKind keyDataRequired operators { operator valueKind hasCase } description } }';
  const { filterKeys } = await queryData(read, document);
  expect(filterKeys.map(({ key }: Json) => key)).toEqual(FILTER_KEYS);
  expect(filterKeys[0]).toEqual({
    ...{ key: 'NAME', keyDataKind: 'NONE', keyDataRequired: false, description: 'The name of the service.' },
    operators: expect.arrayContaining([{ operator: 'MATCHES_REGEX', valueKind: 'REGEX', hasCase: true }]),
  });
  const values: Record<string, string | null> = {
    ...{ NONE: null, TEXT: 'x', REGEX: 'x', NUMBER: '1', TIME: '2026-01-01T00:00:00Z' },
    ...{ TEAM: team, TIER: tier, LIFECYCLE: null, FILTER: await createFilter(admin, PREDICATES[0] as object) },
  };
  const { lifecycles } = await queryData(admin, '{ lifecycles { nodes { id } } }');
  values['LIFECYCLE'] = lifecycles.nodes[0].id;
  const data: Record<string, string | null> = { NONE: null, TAG_KEY: 'env', PROPERTY_DEFINITION: definition };
  const every = filterKeys.flatMap(({ key, keyDataKind, operators }: Json) =>
    operators.map(({ operator, valueKind }: Json) => ({
      ...{ key, operator, value: values[valueKind], keyData: data[keyDataKind] ?? null },
    })),
  );
  for (let at = 0; at < every.length; at += 40) await createFilter(admin, ...every.slice(at, at + 40));
  const all = new Set(filterKeys.flatMap(({ operators }: Json) => operators.map(({ operator }: Json) => operator)));
  for (const key of FILTER_KEYS)
    for (const operator of all) {
      if (Object.hasOwn(keyRule(key).operators, operator as string)) continue;
      const keyData = data[keyRule(key).keyData] ?? null;
      const answer = await mutate(admin, 'createFilter', { name: 'Wrong', predicates: [{ key, keyData, operator }] });
      expect(answer).toEqual({ errors: [{ code: 'INVALID', path: ['predicates', '0', 'operator'] }] });
    }
});

describe('an error names the predicate, the field and the reason', () => {
  const long = (length: number): string => 'x'.repeat(length);
  test.each<[string, object, string, string, RegExp]>([
    ['a missing value', { key: 'NAME', operator: 'EQUALS' }, 'REQUIRED', 'value', /is required for EQUALS/],
    ['a value too many', { key: 'TIER', operator: 'EXISTS', value: 'x' }, 'INVALID', 'value', /takes no value/],
    ['an empty value', { key: 'NAME', operator: 'EQUALS', value: '' }, 'TOO_SHORT', 'value', /empty/],
    ['90 KB', { key: 'NAME', operator: 'EQUALS', value: long(90_000) }, 'TOO_LONG', 'value', /at most 1000/],
    ['90 KB of a key', { key: 'TAG', keyData: long(90_000), operator: 'EXISTS' }, 'TOO_LONG', 'keyData', /100/],
    [
      '90 KB of an expression',
      { key: 'NAME', operator: 'MATCHES_REGEX', value: long(90_000) },
      'TOO_LONG',
      'value',
      /1000/,
    ],
    [
      'an expression of 501 characters',
      { key: 'NAME', operator: 'MATCHES_REGEX', value: long(501) },
      'INVALID',
      'value',
      /500/,
    ],
    ['a NUL character', { key: 'NAME', operator: 'EQUALS', value: 'a\0' }, 'INVALID', 'value', /one line/],
    ['half of a surrogate pair', { key: 'NAME', operator: 'EQUALS', value: 'a\ud800' }, 'INVALID', 'value', /one line/],
    ['missing key data', { key: 'TAG', operator: 'EXISTS' }, 'REQUIRED', 'keyData', /is required for TAG/],
    [
      'key data too many',
      { key: 'NAME', keyData: 'x', operator: 'EQUALS', value: 'x' },
      'INVALID',
      'keyData',
      /takes no/,
    ],
    ['an operator of another key', { key: 'NAME', operator: 'EXISTS' }, 'INVALID', 'operator', /Valid are EQUALS, /],
    [
      'a number that is none',
      { key: 'PROPERTY', keyData: definition, operator: 'LESS_THAN_OR_EQUAL_TO', value: '1e9' },
      'INVALID',
      'value',
      /decimal/,
    ],
    [
      'a time that is none',
      { key: 'LAST_DEPLOY', operator: 'LESS_THAN_OR_EQUAL_TO', value: '2026-02-31T00:00:00' },
      'INVALID',
      'value',
      /time such as/,
    ],
    [
      'an invalid expression',
      { key: 'NAME', operator: 'MATCHES_REGEX', value: 'a[' },
      'INVALID',
      'value',
      /character 2/,
    ],
    ['an unknown tier', { key: 'TIER', operator: 'EQUALS', value: unknownId('tie') }, 'NOT_FOUND', 'value', /no tier/],
    [
      'the tier of another organization',
      { key: 'TIER', operator: 'EQUALS', value: foreign },
      'NOT_FOUND',
      'value',
      /no tier/,
    ],
    ['the ID of another type', { key: 'OWNER', operator: 'EQUALS', value: tier }, 'NOT_FOUND', 'value', /no team/],
    [
      'an unknown definition',
      { key: 'PROPERTY', keyData: unknownId('prd'), operator: 'EXISTS' },
      'NOT_FOUND',
      'keyData',
      /no property definition/,
    ],
    ['an unknown filter', nested(unknownId('fil')), 'NOT_FOUND', 'value', /no filter/],
  ])('%s', async (_what, predicate, code, field, reason) => {
    const document =
      'mutation ($input: CreateFilterInput!) { createFilter(input: $input) { filter { id } errors { code path message } } }';
    const input = { name: 'Wrong', predicates: [PREDICATES[0], predicate] };
    expect((await queryData(admin, document, { input })).createFilter).toEqual({
      filter: null,
      errors: [{ code, path: ['predicates', '1', field], message: expect.stringMatching(reason) }],
    });
  });

  test('all errors are reported at once, also those of other fields', async () => {
    const predicates = [
      { key: 'NAME', operator: 'EXISTS' },
      { key: 'TAG', operator: 'EQUALS' },
      nested(unknownId('fil')),
    ];
    expect(await mutate(admin, 'createFilter', { name: '', predicates })).toEqual({
      errors: [
        { code: 'TOO_SHORT', path: ['name'] },
        { code: 'INVALID', path: ['predicates', '0', 'operator'] },
        { code: 'REQUIRED', path: ['predicates', '1', 'keyData'] },
        { code: 'REQUIRED', path: ['predicates', '1', 'value'] },
        { code: 'NOT_FOUND', path: ['predicates', '2', 'value'] },
      ],
    });
    for (const [count, code] of [
      [0, 'TOO_SHORT'],
      [51, 'TOO_LONG'],
    ] as const)
      expect(
        await mutate(admin, 'createFilter', { name: 'Many', predicates: Array(count).fill(PREDICATES[0]) }),
      ).toEqual({
        errors: [{ code, path: ['predicates'] }],
      });
  });
});

describe('what a filter uses cannot be deleted, and the error lists the filter', () => {
  const IN_USE = 'errors { code path message usedBy { __typename id ... on Filter { name } } }';
  test.each([
    ['Team', 'OWNER', 'EQUALS', { name: 'Used team' }],
    ['Tier', 'TIER', 'GREATER_THAN_OR_EQUAL_TO', { name: 'Used tier' }],
    ['Lifecycle', 'LIFECYCLE', 'EQUALS', { name: 'Used lifecycle' }],
    ['PropertyDefinition', 'PROPERTY', 'EXISTS', { name: 'Used definition', schema: {} }],
    ['Filter', 'FILTER', 'DOES_NOT_MATCH', { name: 'Used filter', predicates: [PREDICATES[0]] }],
  ])('%s', async (type, key, operator, input) => {
    const id = await create(admin, type, input);
    const predicate = key === 'PROPERTY' ? { key, operator, keyData: id } : { key, operator, value: id };
    // Two predicates are one use.
    const used = await createFilter(admin, predicate, predicate);
    const field = `${type.slice(0, 1).toLowerCase()}${type.slice(1)}`;
    const target = type === 'Filter' ? { id } : { [field]: { id } };
    const document = `mutation ($input: Delete${type}Input!) { delete${type}(input: $input) { deletedId ${IN_USE} } }`;
    const { [`delete${type}`]: refused } = await queryData(admin, document, { input: target });
    expect(refused.errors).toEqual([
      {
        ...{ code: 'IN_USE', path: [type === 'Filter' ? 'id' : field] },
        message: expect.stringMatching(/^1 filter uses this /),
        usedBy: [{ __typename: 'Filter', id: used, name: expect.stringMatching(/^Filter \d+$/) }],
      },
    ]);
    await mutate(admin, 'deleteFilter', { id: used });
    const { [`delete${type}`]: deleted } = await queryData(admin, document, { input: target });
    expect(deleted).toEqual({ deletedId: id, errors: [] });
  });
});
