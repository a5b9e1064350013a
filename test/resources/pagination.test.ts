import { type GraphQLField, getNamedType, isObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import type { Answer, Json } from '../support/api.ts';
import { startApi } from '../support/api.ts';
import { ask, cast, checkOf, found, mutate, rubricOf, schemaOf, tokenOf } from '../support/world.ts';

const api = await startApi();
const acme = await found(api, 'acme');
const people = await cast(api, acme);
const { owner } = people;

// At least five of everything, with names that occur twice and checks that differ in what can be filtered.
const rubric = await rubricOf(owner);
for (const name of ['One', 'Two', 'Three']) {
  await mutate(owner, 'createCategory', { name });
  await mutate(owner, 'createLevel', { name });
  await checkOf(owner, rubric, { name, levelId: rubric.levels['Gold'] });
  await checkOf(owner, rubric, { name: 'Same name', enabled: false });
  await checkOf(owner, rubric, { name: 'Same name', levelId: rubric.levels['Gold'] });
  await tokenOf(api, owner, 'READ');
  await tokenOf(api, people.user, 'READ');
}

const queries = (await schemaOf(owner)).getQueryType()?.getFields() ?? {};
const connections = Object.values(queries).filter((field) => getNamedType(field.type).name.endsWith('Connection'));

/** Arguments beside those of paging. A connection that has some is walked with each of these, too. */
const PAGING = ['first', 'after', 'last', 'before'];
const VARIANTS: Record<string, object[]> = {
  checks: [
    { orderBy: { field: 'NAME', direction: 'ASC' } },
    { orderBy: { field: 'NAME', direction: 'DESC' } },
    { orderBy: { field: 'CREATED_AT', direction: 'ASC' } },
    { orderBy: { field: 'CREATED_AT', direction: 'DESC' } },
    { filter: { enabled: true } },
    { filter: { levelId: rubric.levels['Gold'] } },
    { filter: { search: 'e' }, orderBy: { field: 'NAME', direction: 'DESC' } },
  ],
  auditEvents: [{ filter: { action: 'createCheck' } }, { filter: { outcome: 'ALLOWED' } }],
};

const variantsOf = (field: GraphQLField<unknown, unknown>): object[] => [{}, ...(VARIANTS[field.name] ?? [])];

/** Asks for one page, always with the clock further on: a list may not hang on the moment. */
function page(field: GraphQLField<unknown, unknown>, args: object, fields = ''): Promise<Answer> {
  api.advance(7);
  const types = Object.fromEntries(field.args.map(({ name, type }) => [name, type]));
  const given = Object.keys(args);
  const declared = given.map((name) => `$${name}: ${types[name]}`).join(', ');
  const passed = given.map((name) => `${name}: $${name}`).join(', ');
  const selection = `${fields} edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
  const document = `query ${declared && `(${declared})`} { ${field.name}${passed && `(${passed})`} { ${selection} } }`;
  return owner.query(document, { ...args });
}

async function read(field: GraphQLField<unknown, unknown>, args: object, fields?: string): Promise<Json> {
  const { data, errors } = await page(field, args, fields);
  if (errors) throw new Error(JSON.stringify(errors));
  const { edges, ...rest } = data[field.name];
  return { ...rest, ids: edges.map(({ node }: Json) => node.id), cursors: edges.map(({ cursor }: Json) => cursor) };
}

const codes = ({ errors }: Answer): string[] => errors?.map(({ extensions }) => extensions.code) ?? [];

test('this suite walks every connection there is, and every filter and order', () => {
  expect(connections.length).toBeGreaterThanOrEqual(8);
  const withArguments = connections.filter((field) => field.args.some(({ name }) => !PAGING.includes(name)));
  expect(Object.keys(VARIANTS).sort()).toEqual(withArguments.map(({ name }) => name).sort());
  expect(connections.every(({ type }) => isObjectType(getNamedType(type)))).toBe(true);
});

describe.each(connections.map((field) => [field.name, field] as const))('%s', (_name, field) => {
  describe.each(variantsOf(field).map((args) => [args]))('with %j', (args) => {
    test('is the same list on one page, by twos forward, and by twos backward', async () => {
      const whole = await read(field, { ...args, first: 500 }, 'totalCount nodes { id }');
      expect(whole.ids.length, 'seed at least five of them above').toBeGreaterThanOrEqual(5);
      expect(new Set(whole.ids).size).toBe(whole.ids.length);
      expect(whole.totalCount).toBe(whole.ids.length);
      expect(whole.nodes.map(({ id }: Json) => id)).toEqual(whole.ids);
      expect(whole.pageInfo).toEqual({
        hasNextPage: false,
        hasPreviousPage: false,
        startCursor: whole.cursors[0],
        endCursor: whole.cursors.at(-1),
      });

      const forward: string[] = [];
      for (let after: string | undefined, more = true; more; ) {
        const part = await read(field, { ...args, first: 2, ...(after && { after }) });
        forward.push(...part.ids);
        ({ endCursor: after, hasNextPage: more } = part.pageInfo);
        if (more) expect(part.ids).toHaveLength(2);
        if (forward.length > whole.ids.length) break;
      }
      expect(forward).toEqual(whole.ids);

      const backward: string[] = [];
      for (let before: string | undefined, more = true; more; ) {
        const part = await read(field, { ...args, last: 2, ...(before && { before }) });
        backward.unshift(...part.ids);
        ({ startCursor: before, hasPreviousPage: more } = part.pageInfo);
        if (more) expect(part.ids).toHaveLength(2);
        if (backward.length > whole.ids.length) break;
      }
      expect(backward).toEqual(whole.ids);
    });

    test('is cut by after and before together, and counts all the same', async () => {
      const { ids, cursors, totalCount } = await read(field, { ...args, first: 500 }, 'totalCount');
      const window = { ...args, after: cursors[0], before: cursors[4] };
      expect((await read(field, window)).ids).toEqual(ids.slice(1, 4));
      const start = await read(field, { ...window, first: 2 }, 'totalCount');
      expect([start.ids, start.pageInfo.hasNextPage, start.totalCount]).toEqual([ids.slice(1, 3), true, totalCount]);
      const end = await read(field, { ...window, last: 2 });
      expect([end.ids, end.pageInfo.hasPreviousPage]).toEqual([ids.slice(2, 4), true]);
      expect((await read(field, { ...args, after: cursors[2], before: cursors[2] })).ids).toEqual([]);
      expect((await read(field, { ...args, after: cursors[3], before: cursors[1] })).ids).toEqual([]);
      expect((await read(field, { ...args, after: cursors.at(-1) })).ids).toEqual([]);
      expect((await read(field, { ...args, before: cursors[0] })).ids).toEqual([]);
    });

    test('takes no cursor of the same list with another filter or order', async () => {
      const { cursors } = await read(field, { ...args, first: 1 });
      const others = variantsOf(field).filter((other) => !sameList(other, args));
      for (const other of others)
        expect(codes(await page(field, { ...other, after: cursors[0] })), JSON.stringify(other)).toEqual([
          'BAD_REQUEST',
        ]);
    });
  });

  test.each(['first', 'last'])('counts and shows nothing on a page of %s: 0', async (size) => {
    const { totalCount, ids, pageInfo } = await read(field, { [size]: 0 }, 'totalCount');
    const [more, other] = size === 'first' ? ['hasNextPage', 'hasPreviousPage'] : ['hasPreviousPage', 'hasNextPage'];
    expect(ids).toEqual([]);
    expect(totalCount).toBeGreaterThanOrEqual(5);
    expect(pageInfo).toEqual({
      [more as string]: true,
      [other as string]: expect.any(Boolean),
      startCursor: null,
      endCursor: null,
    });
  });

  test.each([
    { first: -1 },
    { last: -1 },
    { first: 501 },
    { last: 501 },
    { first: 2_147_483_647 },
    { first: -2_147_483_648 },
    { first: 2_147_483_648 },
    { first: 1e300 },
    { first: 0.5 },
    { first: 2, last: 2 },
    { first: 0, last: 0 },
  ])('is not listed with %j', async (args) => {
    expect(codes(await page(field, args))).toEqual(['BAD_REQUEST']);
  });

  test('takes no cursor of another connection', async () => {
    for (const other of connections) {
      if (other.name === field.name) continue;
      const { cursors } = await read(other, { first: 1 });
      expect(codes(await page(field, { before: cursors[0] })), other.name).toEqual(['BAD_REQUEST']);
    }
  });

  test('takes no forged cursor, and is not brought down by one', async () => {
    const { cursors } = await read(field, { first: 1 });
    const [key, ...values] = JSON.parse(Buffer.from(cursors[0], 'base64url').toString());
    const forge = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const odd = [null, [], {}, true, 'x', 'x\u0000', '\ud800', -1, 0.5, 1e300, "' or true --", '__proto__'];
    const forged = [
      '',
      'not a cursor',
      '🦊',
      cursors[0].slice(1),
      `${cursors[0]}\u0000`.slice(5),
      Buffer.from('{"__proto__":1}').toString('base64url'),
      Buffer.from('[').toString('base64url'),
      forge(),
      forge(key),
      forge(key, ...values, 1),
      forge('', ...values),
      ...odd.map((value) => forge(value, ...values)),
      // The last key is an id or an index; what is neither is refused, and never reaches the log as a fault.
      ...odd.filter((value) => value !== -1).map((value) => forge(key, ...values.slice(0, -1), value)),
    ];
    for (const cursor of forged)
      for (const side of ['after', 'before'])
        expect(codes(await page(field, { [side]: cursor })), `${side}: ${cursor}`).toEqual(['BAD_REQUEST']);
    expect(api.logged).toEqual([]);
  });
});

/** By name upwards is how checks are ordered unless told. */
function sameList(a: object, b: object): boolean {
  const plain = (args: object): string =>
    JSON.stringify(args) === JSON.stringify(VARIANTS['checks']?.[0]) ? '{}' : JSON.stringify(args);
  return plain(a) === plain(b);
}

test('a cursor of another organization’s list is of another list', async () => {
  const globex = await found(api, 'globex');
  for (const name of ['members', 'levels', 'categories', 'auditEvents', 'sessions']) {
    const cursor = (await ask(globex.owner, `{ ${name} { edges { cursor } } }`))[name].edges[0].cursor;
    const field = queries[name] as GraphQLField<unknown, unknown>;
    expect(codes(await page(field, { after: cursor })), name).toEqual(['BAD_REQUEST']);
  }
});

test('an item that is deleted between two pages neither repeats nor hides another', async () => {
  const field = queries['checks'] as GraphQLField<unknown, unknown>;
  const { ids } = await read(field, {});
  const { pageInfo } = await read(field, { first: 3 });
  await mutate(owner, 'deleteCheck', { id: ids[2] });
  expect((await read(field, { after: pageInfo.endCursor })).ids).toEqual(ids.slice(3));
});
