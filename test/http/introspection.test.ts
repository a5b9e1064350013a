import { expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { found } from '../support/world.ts';

const open = await startApi({ config: { introspection: 'public' } });
const closed = await startApi({ config: { introspection: 'signed-in' } });
const { owner } = await found(closed, 'acme');

const SCHEMA = '{ __schema { queryType { name } } }';

test('an anonymous caller can read a public schema', async () => {
  expect((await open.as().query(SCHEMA)).data).toEqual({ __schema: { queryType: { name: 'Query' } } });
});

test('an anonymous caller cannot read a schema for signed-in callers, and errors suggest no names', async () => {
  for (const document of [SCHEMA, '{ __type(name: "Check") { name } }']) {
    const { status, data, errors } = await closed.as().query(document);
    expect([status, data, errors?.[0].extensions.code]).toEqual([400, undefined, 'BAD_REQUEST']);
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

test('the schema has the directives of the specification', async () => {
  const { data } = await open.as().query('{ __schema { directives { name } } }');
  const names = data.__schema.directives.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining(['skip', 'include', 'deprecated', 'specifiedBy', 'requires']));
  const document = 'query ($yes: Boolean!) { viewer @skip(if: $yes) { permissions } __typename @include(if: $yes) }';
  expect((await owner.query(document, { yes: true })).data).toEqual({ __typename: 'Query' });
});
