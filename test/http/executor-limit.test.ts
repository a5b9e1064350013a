import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { buildSchema, type ExecutionResult, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createExecute } from '../../src/executor/execute.ts';

const schema = buildSchema(`
  scalar Json
  type Query { text(n: Int!): String list(n: Int!): [String!]! json: Json things(n: Int!): [Thing!] later: Thing bad(n: Int!): [Bad] }
  type Thing { name: String thing: Thing date: Json }
  type Bad { sure: Int! }
  type Mutation { add(n: Int!, fail: Boolean = false): Payload }
  type Payload { text: String things: [Thing!] sure: Int bad(n: Int!): [Bad] }`);

/** Runs a document with this limit. Returns the response, and the fields that were resolved. */
async function run(maxSize: number, document: string, maxErrors = Number.POSITIVE_INFINITY) {
  const resolved: string[] = [];
  const limited: string[] = [];
  const text = ({ n }: { n: number }): string => 'x'.repeat(n);
  const thing = (at: number): object => ({
    name: () => resolved.push(`name ${at}`) && 'x'.repeat(100),
    thing: () => Promise.resolve(thing(at + 0.1)),
    date: new Date(0),
  });
  const things = ({ n }: { n: number }) => Array.from({ length: n }, (_, at) => thing(at));
  const rootValue: Record<string, unknown> = {
    text,
    list: ({ n }: { n: number }) => Array(n).fill('x'.repeat(90)),
    json: { a: ['x'.repeat(1_000), { b: 'x'.repeat(1_000), [`${'c'.repeat(500)}`]: null }] },
    things,
    later: () => Promise.resolve(thing(1)),
    bad: ({ n }: { n: number }) => Array(n).fill({ sure: null }),
    add: ({ n, fail }: { n: number; fail: boolean }) => {
      resolved.push(`add ${n}`);
      if (fail) throw new Error('failed');
      return { text: text({ n }), things: things({ n: 20 }), bad: ({ n }: { n: number }) => Array(n).fill({}) };
    },
  };
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const field of Object.values(type?.getFields() ?? {}))
      field.resolve = (_root, args, _context, { fieldName }) => {
        const value = rootValue[fieldName];
        return typeof value === 'function' ? value(args) : value;
      };
  const execute = createExecute({
    maxSize,
    maxErrors,
    onTooLarge: ({ operation }) => {
      limited.push(operation);
      return new Error('too large');
    },
  });
  const result: ExecutionResult = await execute({ schema, document: parse(document) });
  const errors = result.errors?.map(({ message, path }) => ({ message, path }));
  return { data: result.data, errors, resolved, limited };
}

const TOO_LARGE = { data: null, errors: [{ message: 'too large', path: undefined }] };

describe('a query above the limit returns one error and no data', () => {
  test.each([
    ['a long text', '{ text(n: 2000) }'],
    ['several texts', '{ a: text(n: 400) b: text(n: 400) c: text(n: 400) }'],
    ['a list of texts', '{ list(n: 20) }'],
    ['a JSON value', '{ json }'],
    ['objects without texts', '{ things(n: 40) { __typename date } }'],
    ['empty objects in a list', '{ things(n: 200) { date } }'],
    [
      'promises',
      '{ later { thing { a: name b: name c: name thing { d: name e: name f: name thing { g: name h: name i: name } } } } things(n: 4) { name } }',
    ],
    ['errors', '{ bad(n: 10) { sure } }'],
  ])('%s', async (_what, document) => {
    expect(await run(1_000, document)).toMatchObject({ ...TOO_LARGE, limited: ['query'] });
    expect(await run(10_000, document)).toMatchObject({ limited: [] });
  });
});

test('a query with more errors than the limit returns one error and no data', async () => {
  const { data, errors } = await run(1_000_000, '{ bad(n: 10) { sure } }', 10);
  expect({ data, errors: errors?.length }).toEqual({ data: { bad: Array(10).fill(null) }, errors: 10 });
  expect(await run(1_000_000, '{ bad(n: 11) { sure } }', 10)).toMatchObject({ ...TOO_LARGE, limited: ['query'] });
});

test('a payload of a mutation with more errors than the limit is replaced by null and an error', async () => {
  const { data, errors } = await run(
    1_000_000,
    'mutation { a: add(n: 1, fail: true) { text } b: add(n: 2) { bad(n: 11) { sure } } c: add(n: 3) { text } }',
    10,
  );
  expect(data).toEqual({ a: null, b: null, c: { text: 'xxx' } });
  expect(errors).toEqual([
    { message: 'failed', path: ['a'] },
    { message: 'too large', path: ['b'] },
  ]);
});

test('no more resolvers are called after the limit is exceeded', async () => {
  const { resolved } = await run(1_000, '{ things(n: 100) { name thing { name } } other: things(n: 100) { name } }');
  expect(resolved).toEqual(Array.from({ length: 8 }, (_, at) => `name ${at}`));
});

test('the size of a response is at most six times the estimate, with any characters', async () => {
  for (const character of ['x', '"', '\u0000', '€', '\ud800', '😀']) {
    const value = character.repeat(1_000);
    const estimated = await limitOf(`{ text: list(n: 1) }`, value);
    const bytes = Buffer.byteLength(JSON.stringify({ data: { text: [value] } }));
    expect(bytes).toBeLessThanOrEqual(6 * estimated + '{"data":{}}'.length);
  }
});

/** The smallest limit that the response complies with. */
async function limitOf(document: string, value: string): Promise<number> {
  const field = schema.getQueryType()?.getFields()['list'] as { resolve: unknown };
  field.resolve = () => [value];
  let [low, high] = [0, 10_000];
  while (low < high) {
    const middle = (low + high) >> 1;
    const result = await createExecute({ maxSize: middle, maxErrors: 0, onTooLarge: () => new Error() })({
      schema,
      document: parse(document),
    });
    if (result.errors) low = middle + 1;
    else high = middle;
  }
  return low;
}

describe('a payload of a mutation above the limit is replaced by null and an error', () => {
  test('the other root fields run and keep their payloads and errors', async () => {
    const { data, errors, resolved, limited } = await run(
      1_000,
      'mutation { a: add(n: 10) { text } b: add(n: 2000) { sure text } c: add(n: 20) { things { name } } d: add(n: 30, fail: true) { text } e: add(n: 40) { text } }',
    );
    expect(data).toEqual({ a: { text: 'x'.repeat(10) }, b: null, c: null, d: null, e: { text: 'x'.repeat(40) } });
    expect(errors).toEqual([
      { message: 'too large', path: ['b'] },
      { message: 'too large', path: ['c'] },
      { message: 'failed', path: ['d'] },
    ]);
    expect(resolved.filter((call) => call.startsWith('add'))).toEqual([
      'add 10',
      'add 2000',
      'add 20',
      'add 30',
      'add 40',
    ]);
    expect(limited).toEqual(['mutation', 'mutation']);
  });

  test('a field that has failed keeps its own error', async () => {
    const { data, errors } = await run(500, 'mutation { a: add(n: 400) { text } b: add(n: 1, fail: true) { text } }');
    expect([data, errors]).toEqual([{ a: { text: 'x'.repeat(400) }, b: null }, [{ message: 'failed', path: ['b'] }]]);
  });
});

/** A full garbage collection. The flag has an effect on contexts that are created after it. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

/** Whether the object is gone after a garbage collection. */
async function isCollected(reference: WeakRef<object>): Promise<boolean> {
  // A WeakRef keeps its object until the end of the current job.
  await setImmediate();
  collectGarbage();
  return reference.deref() === undefined;
}

test('a plan does not keep the variables of the request that it was made for', async () => {
  const execute = createExecute();
  const document = parse('query ($n: Int!, $yes: Boolean!, $big: Json) { text(n: $n) @include(if: $yes) }');
  const run = (yes: boolean): WeakRef<object> => {
    const big = { text: 'x' };
    void execute({ schema, document, variableValues: { n: 1, yes, big } });
    return new WeakRef(big);
  };
  expect(await isCollected(run(true))).toBe(true);
  expect(await execute({ schema, document, variableValues: { n: 1, yes: false } })).toEqual({ data: {} });
});
