import { getIntrospectionQuery } from 'graphql';
import { describe, expect, test } from 'vitest';
import { type Caller, startApi } from '../support/api.ts';
import { createOrganization } from '../support/world.ts';

const open = await startApi({ config: { introspection: 'public' } });
const closed = await startApi({ config: { introspection: 'signed-in' } });
const { owner } = await createOrganization(closed, 'acme');

const SCHEMA = '{ __schema { queryType { name } } }';

test('an anonymous caller can read a public schema', async () => {
  expect((await open.as().query(SCHEMA)).data).toEqual({ __schema: { queryType: { name: 'Query' } } });
});

test('an anonymous caller who reads a schema for signed-in callers gets one error, and errors suggest no names', async () => {
  for (const document of [SCHEMA, '{ __type(name: "Check") { name } a: __schema { types { fields { name } } } }']) {
    const { status, data, errors, headers } = await closed.as().query(document);
    expect([status, data, errors?.map(({ extensions }) => extensions.code)]).toEqual([
      401,
      undefined,
      ['UNAUTHENTICATED'],
    ]);
    expect(headers.get('www-authenticate')).toBe('Bearer');
  }
  expect((await closed.as().query('{ chekcs { nodes { id } } }')).errors?.[0].message).toBe(
    'Cannot query field "chekcs" on type "Query".',
  );
});

test('a signed-in caller can read the schema, also after the same document of an anonymous caller was refused', async () => {
  expect((await closed.as().query(SCHEMA)).data).toBeUndefined();
  expect((await owner.query(SCHEMA)).data).toEqual({ __schema: { queryType: { name: 'Query' } } });
  expect((await closed.as().query(SCHEMA)).data).toBeUndefined();
  expect((await owner.query('{ chekcs { nodes { id } } }')).errors?.[0].message).toContain('Did you mean "checks"');
});

test('a caller with an invalid credential cannot read the schema', async () => {
  const answer = await closed.as('made-up').query(SCHEMA);
  expect([answer.status, answer.data, answer.errors?.[0].extensions.code]).toEqual([401, undefined, 'UNAUTHENTICATED']);
});

test('errors suggest names to callers who may read the schema only, not to those with an invalid credential', async () => {
  const messages = async (caller: Caller) =>
    (await caller.query('{ chekcs { nodes { id } } a: __schema { typs { name } } }')).errors?.map(
      ({ message }) => message,
    );
  const plain = ['Cannot query field "chekcs" on type "Query".', 'Cannot query field "typs" on type "__Schema".'];
  expect(await messages(closed.as('made-up'))).toEqual(plain);
  expect(await messages(closed.as(`ambit_pat_${'a'.repeat(40)}`))).toEqual(plain);
  const suggested = plain.map((message, at) => `${message} Did you mean ${['"checks" or "check"', '"types"'][at]}?`);
  for (const caller of [owner, open.as()]) expect(await messages(caller)).toEqual(suggested);
});

describe('the standard introspection query is executed', () => {
  test.each([true, false])('with all options: %s', async (all) => {
    const { data, errors } = await open
      .as()
      .query(
        getIntrospectionQuery({ specifiedByUrl: all, inputValueDeprecation: all, oneOf: all, schemaDescription: all }),
      );
    expect([errors, data.__schema.types.length > 100]).toEqual([undefined, true]);
  });
});

describe('introspection has limits', () => {
  const nested = (levels: number): string => (levels === 0 ? 'name' : `fields { type { ${nested(levels - 1)} } }`);
  test.each([
    ['two __schema', '{ a: __schema { queryType { name } } b: __schema { queryType { name } } }'],
    [
      'two __schema in fragments',
      '{ ...a ... { b: __schema { queryType { name } } } } fragment a on Query { ...c } fragment c on Query { __schema { queryType { name } } }',
    ],
    ['five __type', `{ ${[1, 2, 3, 4, 5].map((at) => `a${at}: __type(name: "Check") { name }`).join(' ')} }`],
    ['a depth above the limit', `{ __type(name: "Check") { ${'ofType { '.repeat(15)} name ${'}'.repeat(15)} } }`],
    ['types of fields of types', `{ __schema { types { ${nested(5)} } } }`],
    ['a __type with the fields of all types', `{ __type(name: "Query") { ${nested(6)} } }`],
  ])('%s', async (_what, document) => {
    const { status, data, errors } = await open.as().query(document);
    expect([status, data, errors?.map(({ extensions }) => extensions.code)]).toEqual([400, undefined, ['BAD_REQUEST']]);
  });

  test('one __schema, also under one key twice, and four __type are executed', async () => {
    const types = [1, 2, 3, 4].map((at) => `a${at}: __type(name: "Check") { name }`).join(' ');
    const { data } = await open
      .as()
      .query(`{ __schema { queryType { name } } __schema { mutationType { name } } ${types} }`);
    expect([Object.keys(data).length, data.__schema]).toEqual([
      5,
      { queryType: { name: 'Query' }, mutationType: { name: 'Mutation' } },
    ]);
  });
});

test('the schema has the directives of the specification', async () => {
  const { data } = await open.as().query('{ __schema { directives { name } } }');
  const names = data.__schema.directives.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining(['skip', 'include', 'deprecated', 'specifiedBy', 'requires']));
  const document = 'query ($yes: Boolean!) { viewer @skip(if: $yes) { permissions } __typename @include(if: $yes) }';
  expect((await owner.query(document, { yes: true })).data).toEqual({ __typename: 'Query' });
});
