import { buildSchema, type ExecutionResult, execute, type GraphQLSchema, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createExecute } from '../../src/executor/execute.ts';
import { documentIn } from './compare.ts';

type Resolvers = Record<string, Record<string, unknown>>;

/** A schema with these resolvers; what starts with `__` is said of the type. */
function schemaOf(sdl: string, resolvers: Resolvers = {}): GraphQLSchema {
  const schema = buildSchema(sdl);
  for (const [name, fields] of Object.entries(resolvers)) {
    const type = schema.getType(name) as never as { getFields(): Record<string, { resolve: unknown }> };
    for (const [field, resolve] of Object.entries(fields))
      if (field.startsWith('__')) Object.assign(type, { [field.slice(2)]: resolve });
      else Object.assign(type.getFields()[field] as object, { resolve });
  }
  return schema;
}

/** Asks both, and gives the answer that they agree on. */
async function agreed(schema: GraphQLSchema, source: string, variableValues?: Record<string, unknown>) {
  const { own, usual } = documentIn(schema, source);
  const answer = await own(variableValues && { variableValues });
  expect(answer).toEqual(await usual(variableValues && { variableValues }));
  return answer;
}

const later = <T>(value: T): Promise<T> => Promise.resolve(value);
const never = (): never => {
  throw new Error('thrown');
};

describe('what a resolver gives is completed as graphql-js does', () => {
  const given: [string, string, () => unknown][] = [
    ['a value', 'Int', () => 1],
    ['a promise', 'Int!', () => later(1)],
    ['a promise of nothing', 'Int!', () => later(undefined)],
    // biome-ignore lint/suspicious/noThenProperty: it is what is tested
    ['a thenable', 'Int', () => ({ then: (done: (value: number) => void) => done(1) })],
    ['nothing', 'Int', () => undefined],
    ['not a number', 'Float!', () => Number.NaN],
    ['an error', 'Int', () => new Error('given')],
    ['a promise of an error', 'Int!', () => later(new Error('given'))],
    ['an error that is thrown', 'Int', never],
    ['something thrown that is no error', 'Int', () => Promise.reject('text')],
    ['nothing thrown', 'Int', () => Promise.reject(undefined)],
    ['a number that is none', 'Int', () => 'one'],
    ['an object in the place of text', 'String', () => ({})],
    ['an object that knows its value', 'String', () => ({ valueOf: () => 'text' })],
    ['a list', '[Int]', () => [1, null, later(3), undefined]],
    ['a list with holes', '[Int]', () => new Array(3)],
    ['a set', '[Int!]!', () => new Set([1, 2])],
    ['a map', '[[String]]', () => new Map([['a', 'b']])],
    ['an array that is typed', '[Int]', () => new Uint8Array([1, 2])],
    ['text in the place of a list', '[String]', () => 'text'],
    ['a function in the place of a list', '[String]', () => never],
    ['an object in the place of a list', '[String]', () => ({ length: 1, 0: 'a' })],
    ['lists that are empty', '[[Int!]!]!', () => [[], []]],
    ['errors in a list', '[Int]', () => [new Error('a'), 2, Promise.reject(new Error('b'))]],
    ['an error in a list that must be whole', '[Int!]', () => [1, later(2), new Error('a'), later(4)]],
    ['nothing in a list that must be whole', '[[Int!]!]', () => [[1], [later(null)]]],
    ['nothing in lists that must be whole', '[[Int!]!]!', () => [[1], [null]]],
  ];
  test.each(given)('%s', async (_what, type, give) => {
    const schema = schemaOf(`type Query { it: ${type} other: Int }`, { Query: { it: give, other: () => later(2) } });
    await agreed(schema, '{ before: other it after: other again: it }');
  });

  test('a list that ends badly, and is told to stop when an item does', async () => {
    const closed: string[] = [];
    function* items(name: string) {
      try {
        yield 1;
        yield name === 'bad' ? null : 2;
        if (name === 'ends') throw new Error('the end');
      } finally {
        closed.push(name);
      }
    }
    const it = (_root: unknown, { name }: { name: string }) => items(name);
    const schema = schemaOf('type Query { it(name: String!): [Int!] }', { Query: { it } });
    await agreed(schema, '{ a: it(name: "good") b: it(name: "bad") c: it(name: "ends") }');
    expect(closed).toEqual(['good', 'bad', 'ends', 'good', 'bad', 'ends']);
  });

  test('methods and properties of what is given, where there is no resolver', async () => {
    class Thing {
      plain = 'plain';
      #secret = 'secret';
      method({ times = 1 }: { times?: number }, context: unknown, info: { fieldName: string }) {
        return `${this.#secret.repeat(times)} ${context} ${info.fieldName}`;
      }
      get computed() {
        return later('computed');
      }
      get bad() {
        return never();
      }
    }
    const sdl =
      'type Query { it: Thing text: Thing fn: Thing } type Thing { plain: String method(times: Int): String computed: String bad: String absent: String }';
    const fn = () => Object.assign(() => 0, { plain: 'of a function' });
    const schema = schemaOf(sdl, { Query: { it: () => new Thing(), text: () => 'text', fn } });
    await agreed(
      schema,
      '{ it { ...t } text { ...t } fn { ...t } } fragment t on Thing { plain method(times: 2) computed bad absent }',
    );
  });
});

describe('types that stand for others', () => {
  const SDL = `
    interface Named { name: String } union Any = A | B
    type A implements Named { name: String a: Int! } type B implements Named { name: String b: Int }
    type C { c: Int } enum E { X }
    type Query { named: Named any: [Any!] sure: Named! }`;
  const item = { __typename: 'A', name: 'n', a: 1, b: 2 };
  const DOCUMENT =
    '{ __typename named { __typename name ...on A { a } ...on B { b } } any { __typename ...on Named { name } } sure { ...on B { b } } }';

  const names: [string, unknown][] = [
    ['its name', () => 'B'],
    ['its name later', () => later('A')],
    ['nothing', () => undefined],
    ['a type that is none', () => 'Nowhere'],
    ['a type that is not of these', () => 'C'],
    ['a type that is no object', () => later('E')],
    ['the type itself', (_value: unknown, _ctx: unknown, { schema }: { schema: GraphQLSchema }) => schema.getType('A')],
    ['a number', () => 7],
    ['an error', never],
    ['a name that objects have', () => 'constructor'],
    ['what the value says', undefined],
  ];
  test.each(names)('resolveType gives %s', async (_what, resolveType) => {
    const Query = { named: () => item, any: () => [item, later(item)], sure: () => item };
    await agreed(
      schemaOf(SDL, { Query, Named: { __resolveType: resolveType }, Any: { __resolveType: resolveType } }),
      DOCUMENT,
    );
  });

  const answers: [string, unknown, unknown][] = [
    ['at once', () => true, () => false],
    ['later', () => later(false), () => later(true)],
    ['one at once and one later', () => later(true), () => true],
    ['with nothing', () => undefined, () => later(0)],
    ['with an error', never, () => true],
    ['with an error later', () => Promise.reject(new Error('rejected')), () => later(false)],
  ];
  test.each(answers)('isTypeOf answers %s', async (_what, a, b) => {
    const plain = { name: 'n', a: null, b: 2 };
    const Query = { named: () => plain, any: () => [plain], sure: () => later(plain) };
    await agreed(schemaOf(SDL, { Query, A: { __isTypeOf: a }, B: { __isTypeOf: b } }), DOCUMENT);
  });
});

describe('keys of the response that objects have of their own', () => {
  const thing = () => ({ a: 1 });
  const schema = schemaOf('type Query { it: T list: [T!] } type T { a: Int it: T }', {
    Query: { it: thing, list: () => [thing(), later(thing())] },
    T: { it: () => later(thing()) },
  });
  const KEYS = [
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'toString',
    'valueOf',
    'then',
    'toJSON',
    'length',
    '__defineGetter__',
  ];
  test.each(KEYS)('%s', async (key) => {
    const { data } = await agreed(
      schema,
      `{ a: it { a } ${key}: it { ${key}: a it { ${key}: __typename } } list { ${key}: it { a } } }`,
    );
    expect(data).toContain(`"${key}":{"${key}":1`);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });
});

describe('arguments', () => {
  const SDL = `
    scalar Even input Box { size: Int! = 3 inner: Box list: [Int!] = [1] } enum E { X Y }
    type Query { it(a: Int = 1, b: Int, c: String! = "c", box: Box = {}, list: [Int], e: E = X, even: Even): String }`;
  const even = (value: unknown) => (Number(value) % 2 ? never() : Number(value));
  const Even = { __parseValue: even, __parseLiteral: ({ value }: { value: unknown }) => even(value) };
  const it = (_root: unknown, args: object) => JSON.stringify(args);
  const schema = schemaOf(SDL, { Query: { it }, Even });

  test.each([
    '{ it }',
    '{ it(a: null) }',
    '{ it(b: 2, a: 1) }',
    '{ it(box: { size: 1, inner: { list: 7 } }) }',
    '{ it(list: [1, null], e: Y) }',
    '{ a: it(even: 2) b: it(even: 2) }',
  ])('%s', async (document) => {
    await agreed(schema, document);
  });

  test('a literal that the scalar refuses only when it is asked', async () => {
    const { planned, usual } = unvalidated(schema, '{ a: it(even: 3) b: it }');
    expect(await planned()).toEqual(await usual());
  });

  const VALUES = [
    {},
    { n: null },
    { n: 5 },
    { n: '5' },
    { n: 2 ** 40 },
    { box: {} },
    { box: null },
    { box: { size: null } },
    { box: { nobody: 1 } },
    { list: 1 },
    { list: [null] },
    { e: 'Z' },
    { e: 'Y' },
    { even: 3 },
    { even: 4 },
    { c: null },
    { c: 1 },
    { nobody: 1 },
    { __proto__: { n: 9 } },
  ];
  test.each(VALUES.map((values) => [JSON.stringify(values), values] as const))(
    'variables %s',
    async (_text, values) => {
      await agreed(
        schema,
        'query ($n: Int, $box: Box, $list: [Int] = [4], $e: E, $even: Even, $c: String = "d") { it(a: $n, b: $n, box: $box, list: $list, e: $e, even: $even, c: $c) nested: it(box: { size: 2, list: [1], inner: $box }, list: [$n, 2]) }',
        values,
      );
    },
  );

  test('are the same the second time, whatever the first did to them', async () => {
    const spoil = (_root: unknown, args: Record<string, { size: number }>) => {
      const text = JSON.stringify(args);
      try {
        for (const name of Object.keys(args)) delete args[name];
      } catch {
        // Frozen, which is as good.
      }
      return text;
    };
    const { own } = documentIn(schemaOf(SDL, { Query: { it: spoil } }), '{ it(b: 2) }');
    expect(await own()).toEqual(await own());
  });
});

/** Documents that validation refuses can still be executed where its rules are not the executor's. */
function unvalidated(schema: GraphQLSchema, source: string) {
  const document = parse(source);
  const plain = ({ data, errors }: ExecutionResult) => JSON.stringify({ data, errors });
  const own = createExecute();
  return {
    planned: async () => plain(await own({ schema, document })),
    usual: async () => plain(await execute({ schema, document })),
  };
}
