import { buildSchema, type ExecutionResult, execute, type GraphQLSchema, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createExecute } from '../../src/executor/execute.ts';
import { documentIn } from './compare.ts';

type Resolvers = Record<string, Record<string, unknown>>;

/** A schema with these resolvers. A key with the prefix `__` is a property of the type. */
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

/** Runs the document with both executors, expects the same response and returns it. */
async function expectSameResponse(schema: GraphQLSchema, source: string, variableValues?: Record<string, unknown>) {
  const { own, reference } = documentIn(schema, source);
  const answer = await own(variableValues && { variableValues });
  expect(answer).toEqual(await reference(variableValues && { variableValues }));
  return answer;
}

const later = <T>(value: T): Promise<T> => Promise.resolve(value);
const throwError = (): never => {
  throw new Error('thrown');
};

describe('the value of a resolver is completed as by graphql-js', () => {
  const given: [string, string, () => unknown][] = [
    ['a value', 'Int', () => 1],
    ['a promise', 'Int!', () => later(1)],
    ['a promise of undefined', 'Int!', () => later(undefined)],
    // biome-ignore lint/suspicious/noThenProperty: a thenable is tested
    ['a thenable', 'Int', () => ({ then: (done: (value: number) => void) => done(1) })],
    ['undefined', 'Int', () => undefined],
    ['NaN', 'Float!', () => Number.NaN],
    ['an error', 'Int', () => new Error('given')],
    ['a promise of an error', 'Int!', () => later(new Error('given'))],
    ['a thrown error', 'Int', throwError],
    ['a rejection with text', 'Int', () => Promise.reject('text')],
    ['a rejection with undefined', 'Int', () => Promise.reject(undefined)],
    ['text instead of a number', 'Int', () => 'one'],
    ['an object instead of text', 'String', () => ({})],
    ['an object with valueOf', 'String', () => ({ valueOf: () => 'text' })],
    ['a list', '[Int]', () => [1, null, later(3), undefined]],
    ['a list with holes', '[Int]', () => new Array(3)],
    ['a set', '[Int!]!', () => new Set([1, 2])],
    ['a map', '[[String]]', () => new Map([['a', 'b']])],
    ['a typed array', '[Int]', () => new Uint8Array([1, 2])],
    ['text instead of a list', '[String]', () => 'text'],
    ['a function instead of a list', '[String]', () => throwError],
    ['an object instead of a list', '[String]', () => ({ length: 1, 0: 'a' })],
    ['empty lists', '[[Int!]!]!', () => [[], []]],
    ['errors in a list', '[Int]', () => [new Error('a'), 2, Promise.reject(new Error('b'))]],
    ['an error in a list of non-null items', '[Int!]', () => [1, later(2), new Error('a'), later(4)]],
    ['null in a nullable list of non-null lists', '[[Int!]!]', () => [[1], [later(null)]]],
    ['null in non-null lists', '[[Int!]!]!', () => [[1], [null]]],
  ];
  test.each(given)('%s', async (_what, type, give) => {
    const schema = schemaOf(`type Query { it: ${type} other: Int }`, { Query: { it: give, other: () => later(2) } });
    await expectSameResponse(schema, '{ before: other it after: other again: it }');
  });

  test('an iterator that throws, and an iterator that is closed after an error of an item', async () => {
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
    await expectSameResponse(schema, '{ a: it(name: "good") b: it(name: "bad") c: it(name: "ends") }');
    expect(closed).toEqual(['good', 'bad', 'ends', 'good', 'bad', 'ends']);
  });

  test('methods and properties of an object, for fields without a resolver', async () => {
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
        return throwError();
      }
    }
    const sdl =
      'type Query { it: Thing text: Thing fn: Thing } type Thing { plain: String method(times: Int): String computed: String bad: String absent: String }';
    const fn = () => Object.assign(() => 0, { plain: 'of a function' });
    const schema = schemaOf(sdl, { Query: { it: () => new Thing(), text: () => 'text', fn } });
    await expectSameResponse(
      schema,
      '{ it { ...t } text { ...t } fn { ...t } } fragment t on Thing { plain method(times: 2) computed bad absent }',
    );
  });
});

describe('abstract types are resolved as by graphql-js', () => {
  const SDL = `
    interface Named { name: String } union Any = A | B
    type A implements Named { name: String a: Int! } type B implements Named { name: String b: Int }
    type C { c: Int } enum E { X }
    type Query { named: Named any: [Any!] sure: Named! }`;
  const item = { __typename: 'A', name: 'n', a: 1, b: 2 };
  const DOCUMENT =
    '{ __typename named { __typename name ...on A { a } ...on B { b } } any { __typename ...on Named { name } } sure { ...on B { b } } }';

  const names: [string, unknown][] = [
    ['the name', () => 'B'],
    ['a promise of the name', () => later('A')],
    ['undefined', () => undefined],
    ['an unknown type', () => 'Nowhere'],
    ['a type that is not a member', () => 'C'],
    ['a type that is not an object type', () => later('E')],
    ['the type object', (_value: unknown, _ctx: unknown, { schema }: { schema: GraphQLSchema }) => schema.getType('A')],
    ['a number', () => 7],
    ['an error', throwError],
    ['the name of a property of every object', () => 'constructor'],
    ['the default, __typename of the value', undefined],
  ];
  test.each(names)('resolveType returns %s', async (_what, resolveType) => {
    const Query = { named: () => item, any: () => [item, later(item)], sure: () => item };
    await expectSameResponse(
      schemaOf(SDL, { Query, Named: { __resolveType: resolveType }, Any: { __resolveType: resolveType } }),
      DOCUMENT,
    );
  });

  const answers: [string, unknown, unknown][] = [
    ['values', () => true, () => false],
    ['promises', () => later(false), () => later(true)],
    ['a promise and a value', () => later(true), () => true],
    ['undefined and 0', () => undefined, () => later(0)],
    ['an error', throwError, () => true],
    ['a rejection', () => Promise.reject(new Error('rejected')), () => later(false)],
  ];
  test.each(answers)('isTypeOf returns %s', async (_what, a, b) => {
    const plain = { name: 'n', a: null, b: 2 };
    const Query = { named: () => plain, any: () => [plain], sure: () => later(plain) };
    await expectSameResponse(schemaOf(SDL, { Query, A: { __isTypeOf: a }, B: { __isTypeOf: b } }), DOCUMENT);
  });
});

describe('a response key can be a property of every object', () => {
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
    const { data } = await expectSameResponse(
      schema,
      `{ a: it { a } ${key}: it { ${key}: a it { ${key}: __typename } } list { ${key}: it { a } } }`,
    );
    expect(data).toContain(`"${key}":{"${key}":1`);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });
});

describe('arguments are coerced as by graphql-js', () => {
  const SDL = `
    scalar Even input Box { size: Int! = 3 inner: Box list: [Int!] = [1] } enum E { X Y }
    type Query { it(a: Int = 1, b: Int, c: String! = "c", box: Box = {}, list: [Int], e: E = X, even: Even): String }`;
  const even = (value: unknown) => (Number(value) % 2 ? throwError() : Number(value));
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
    await expectSameResponse(schema, document);
  });

  test('a literal that the scalar rejects during execution', async () => {
    const { own, reference } = unvalidated(schema, '{ a: it(even: 3) b: it }');
    expect(await own()).toEqual(await reference());
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
      await expectSameResponse(
        schema,
        'query ($n: Int, $box: Box, $list: [Int] = [4], $e: E, $even: Even, $c: String = "d") { it(a: $n, b: $n, box: $box, list: $list, e: $e, even: $even, c: $c) nested: it(box: { size: 2, list: [1], inner: $box }, list: [$n, 2]) }',
        values,
      );
    },
  );

  test('and a resolver that changes its arguments does not change those of the next request', async () => {
    const deleteArguments = (_root: unknown, args: Record<string, { size: number }>) => {
      const text = JSON.stringify(args);
      try {
        for (const name of Object.keys(args)) delete args[name];
      } catch {
        // The arguments may be frozen.
      }
      return text;
    };
    const { own } = documentIn(schemaOf(SDL, { Query: { it: deleteArguments } }), '{ it(b: 2) }');
    expect(await own()).toEqual(await own());
  });
});

/** Runs a document with both executors without validation. */
function unvalidated(schema: GraphQLSchema, source: string) {
  const document = parse(source);
  const plain = ({ data, errors }: ExecutionResult) => JSON.stringify({ data, errors });
  const execution = createExecute();
  return {
    own: async () => plain(await execution({ schema, document })),
    reference: async () => plain(await execute({ schema, document })),
  };
}
