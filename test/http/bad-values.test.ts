import { describe, expect, test } from 'vitest';
import { operationOf } from '../enforcement/support.ts';
import { type Json, startApi } from '../support/api.ts';
import { argumentPaths, queries, withValue } from '../support/introspect.ts';
import { createOrganization, mutate } from '../support/world.ts';

const api = await startApi();
const { owner } = await createOrganization(api, 'acme');
await mutate(owner, 'createProject', { key: 'first', name: 'First' });

const isText = ({ type }: { type: { name: string } }): boolean => ['ID', 'String', 'Permission'].includes(type.name);
const texts = queries.flatMap((query) =>
  argumentPaths(query)
    .filter(isText)
    .map(({ name }) => [`${query.name}(${name})`, query, name] as const),
);
const SIBLINGS = 'levels { totalCount } permissionsOf';

/** The same operation with two siblings, which read from the same snapshot. */
const withSiblings = (document: string): string => document.replace(/\}\s*$/, `${SIBLINGS} }`);

test('these tests cover arguments and filters of several types', () => {
  expect(texts.map(([title]) => title)).toEqual(
    expect.arrayContaining(['node(id)', 'project(key)', 'auditEvents(filter.requestId)', 'access(permission)']),
  );
});

describe.each(texts)('a value that cannot be stored in %s', (_title, query, name) => {
  test('fails its own field or the request, and no other field', async () => {
    for (const value of ['\u0000', 'a\ud800', 'chk_\u0000']) {
      const [root = '', ...rest] = name.split('.');
      const argument = rest.length > 0 ? withValue({}, rest.join('.'), value) : value;
      const [document, variables] = operationOf('Query', query, { [root]: argument } as Json);
      const { data, errors = [] } = await owner.query(withSiblings(document), variables);
      const codes = errors.map(({ extensions }) => extensions.code);
      expect(codes.filter((code) => !['BAD_REQUEST', 'NOT_FOUND'].includes(code))).toEqual([]);
      expect(errors.filter(({ path }) => path && path[0] !== query.name)).toEqual([]);
      if (data) expect(data.levels.totalCount).toBe(3);
    }
  });
});

const encoded = (parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

describe.each([
  ['projects', 'projects'],
  ['checks ordered by time', 'checks', 'orderBy: { field: UPDATED_AT }'],
  ['checks ordered by name', 'checks'],
  ['levels ordered by index', 'levels'],
  ['audit events', 'auditEvents'],
])('a forged cursor of %s', (_title, list, order = 'first: 1') => {
  test('is a BAD_REQUEST of its own field', async () => {
    if (list === 'checks') await createSomeChecks();
    const first = order.startsWith('first') ? order : `first: 1, ${order}`;
    const page = await owner.query(`{ ${list}(${first}) { pageInfo { endCursor } } }`);
    const cursor = page.data[list].pageInfo.endCursor;
    const [key, ...values] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const forged = ['\u0000', '\ud800', 'x', 1e300, 0.5, -271821, 8.64e15, '0000-01-01', '']
      .flatMap((value) => values.map((_value: unknown, at: number) => encoded([key, ...values.with(at, value)])))
      .concat(encoded([key]), encoded([key, {}, []]), encoded([]), 'x');
    for (const after of forged) {
      const { data, errors = [] } = await owner.query(
        `query ($after: String!) { ${list}(${first}, after: $after) { nodes { id } } siblings: roles { totalCount } }`,
        { after },
      );
      expect(errors.filter(({ extensions, path }) => extensions.code !== 'BAD_REQUEST' || path[0] !== list)).toEqual(
        [],
      );
      expect(data.siblings.totalCount).toBeGreaterThan(1);
    }
    const { errors } = await owner.query(`{ ${list}(${first}, after: "${cursor}") { nodes { id } } }`);
    expect(errors).toBeUndefined();
  });
});

async function createSomeChecks(): Promise<void> {
  const { data } = await owner.query('{ categories { nodes { id } } levels { nodes { id } } }');
  const [category, level] = [{ id: data.categories.nodes[0].id }, { id: data.levels.nodes[0].id }];
  for (const name of ['One', 'Two']) await mutate(owner, 'createCheck', { name, category, level });
}

describe('a DateTime', () => {
  const create = (expiresAt: string) =>
    owner.query(
      `mutation ($at: DateTime!) { createApiToken(input: { name: "${expiresAt}", access: READ, expiresAt: $at }) { apiToken { expiresAt } errors { code } } }`,
      { at: expiresAt },
    );

  test.each([
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00Z',
    '0999-12-31T23:59:59Z',
    '9999-12-31T23:59:59-12:00',
    '10000-01-01T00:00:00Z',
    '+010000-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
  ])('outside the years 1000 to 9999, or of no calendar, is refused: %s', async (at) => {
    const { status, errors } = await create(at);
    expect([status, errors?.[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
    const literal = await owner.query(`{ checks(filter: { updatedAt: { from: "${at}" } }) { totalCount } }`);
    expect([literal.status, literal.errors?.[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
  });

  test('of the last year is stored and returned', async () => {
    const at = '9999-12-31T23:59:59.999Z';
    expect((await create(at)).data.createApiToken).toEqual({ apiToken: { expiresAt: at }, errors: [] });
  });
});

describe('a Permission', () => {
  test.each([[{}], [5], [true], [['check:read']], [[]]])('that is not a text is a BAD_REQUEST: %j', async (value) => {
    const variable = await owner.query(
      'query ($p: Permission!) { access(permission: $p) { allowed } levels { totalCount } }',
      {
        p: value,
      },
    );
    const literal = await owner.query(`{ access(permission: ${JSON.stringify(value)}) { allowed } }`);
    for (const { status, errors } of [variable, literal])
      expect([status, errors?.map(({ extensions }) => extensions.code)]).toEqual([400, ['BAD_REQUEST']]);
  });
});
