import { buildSchema, type ExecutionArgs, execute, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createExecute, type Execute } from '../../src/executor/execute.ts';
import { type Call, comparableOf, documentIn } from './compare.ts';

const SDL = `
  type Query { a: Int b: Int echo(s: String, n: Int): String it: Thing! sure: Int! }
  type Thing { a: Int b: Int it: Thing! echo(s: String): String }
  type Mutation { add(n: Int!, later: Boolean = false, fail: Boolean = false): Count sure(n: Int!): Int! }
  type Count { now: Int later: Int sure: Int! }`;

interface Log {
  log: string[];
}

const nextTask = (): Promise<void> => new Promise((done) => setImmediate(done));

const thing = (): object => ({ a: 1, b: 2, it: thing, echo: ({ s }: { s?: string }) => `${s}` });

/** Records its steps in the log, so that a test can compare their order. */
async function add({ n, later, fail }: { n: number; later: boolean; fail: boolean }, { log }: Log) {
  log.push(`begin ${n}`);
  if (later) await nextTask();
  log.push(`end ${n}`);
  if (fail) throw new Error(`cannot add ${n}`);
  const now = () => log.push(`now ${n}`);
  return { now, later: () => nextTask().then(now), sure: () => nextTask().then(() => (n > 2 ? null : now())) };
}

const ROOT: Record<string, unknown> = {
  a: 1,
  b: () => Promise.resolve(2),
  echo: ({ s, n }: { s?: string; n?: number }) => `${s} ${n}`,
  it: thing,
  add,
  sure: ({ n = 0 }: { n?: number }, { log }: Log) => log.push(`sure ${n}`) && (n > 2 ? null : n),
};

const schema = buildSchema(SDL);
for (const type of [schema.getQueryType(), schema.getMutationType()])
  for (const field of Object.values(type?.getFields() ?? {}))
    field.resolve = (_root, args, context, info) => {
      const value = ROOT[info.fieldName];
      return typeof value === 'function' ? value(args, context) : value;
    };

type Values = Record<string, unknown>;

/** All permutations of a short list. */
const orders = <T>(items: readonly T[]): T[][] =>
  items.length < 2
    ? [[...items]]
    : items.flatMap((first) => orders(items.filter((each) => each !== first)).map((rest) => [first, ...rest]));

describe('a kept plan selects fields by the variables of the current request', () => {
  const DOCUMENTS = {
    'at the root':
      'query ($x: Boolean!, $y: Boolean = true) { a @skip(if: $x) b @include(if: $y) ...f @skip(if: $y) ...on Query @include(if: $x) { c: a } } fragment f on Query { d: a }',
    'deeply nested':
      'query ($x: Boolean!, $y: Boolean = true) { it { it { a @skip(if: $x) ...f @include(if: $y) it { b } } it @skip(if: $y) { it { c: a } } } } fragment f on Thing { d: a @include(if: $x) }',
    'without a selected field': 'query ($x: Boolean!, $y: Boolean = true) { a @include(if: $x) @skip(if: $y) }',
    'with a field selected twice':
      'query ($x: Boolean!, $y: Boolean = true) { a @skip(if: $x) a @include(if: $y) it { a } it @include(if: $x) { b } }',
  };
  const VALUES: Values[] = [{ x: true }, { x: false, y: false }, { x: true, y: false }, { x: false }];
  test.each(Object.entries(DOCUMENTS))('%s', async (_where, source) => {
    for (const order of orders(VALUES)) {
      const { own, reference } = documentIn(schema, source);
      for (const variableValues of [...order, ...order])
        expect(await own({ variableValues })).toEqual(await reference({ variableValues }));
    }
  });

  test('with more combinations of variables than kept plans', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const fields = names.map((name) => `${name}: a @include(if: $${name})`).join(' ');
    const { own, reference } = documentIn(
      schema,
      `query (${names.map((name) => `$${name}: Boolean!`).join(' ')}) { ${fields} }`,
    );
    for (let round = 0; round < 150; round += 1) {
      const variableValues = Object.fromEntries(names.map((name, at) => [name, Boolean(((round * 37) >> at) & 1)]));
      expect(await own({ variableValues })).toEqual(await reference({ variableValues }));
    }
  });

  test('when another operation of the document has String variables with the same names', async () => {
    const source = `
      query First($x: Boolean!) { b @skip(if: $x) }
      query Texts($x: String, $w: Boolean!, $u: String) { a @skip(if: $w) echo(s: $x) e: echo(s: $u) }
      query Last($u: Boolean!) { b @skip(if: $u) }`;
    const { own, reference } = documentIn(schema, source);
    const asked = [
      { operationName: 'Texts', variableValues: { x: 'x true', w: false, u: 'y' } },
      { operationName: 'Texts', variableValues: { x: 'x', w: true, u: 'false y' } },
    ];
    for (const call of asked) expect(await own(call)).toEqual(await reference(call));
  });

  test('when the condition of @skip is null, both executors return an error', async () => {
    const { own, reference } = documentIn(schema, 'query ($x: Boolean = true) { it { a @skip(if: $x) b } a }');
    for (const variableValues of [{}, { x: null }, { x: false }, { x: null }])
      expect(await own({ variableValues })).toEqual(await reference({ variableValues }));
  });

  // graphql-js also returns `data: null`. Ambit reports a request error, which has no data.
  test('when the condition of @skip at the root is null, nothing is executed', async () => {
    const { own, reference } = documentIn(schema, 'query ($x: Boolean = true) { a @skip(if: $x) b }');
    const callWith = (x: boolean | null): Call => ({ variableValues: { x } });
    for (const x of [true, false]) expect(await own(callWith(x))).toEqual(await reference(callWith(x)));
    const message = 'Argument "if" of non-null type "Boolean!" must not be null.';
    expect(await reference(callWith(null))).toMatchObject({
      data: 'null',
      errors: [expect.stringContaining('must not be null')],
    });
    await expect(own(callWith(null))).rejects.toThrow(message);
  });
});

test('the operation with the given name is executed, in any order of requests', async () => {
  const source = 'query A { a } query B { b ...f } mutation C { add(n: 1) { now } } fragment f on Query { it { a } }';
  for (const order of orders<string | undefined>(['A', 'B', 'C', undefined, 'D', ''])) {
    const { own, reference } = documentIn(schema, source);
    for (const operationName of order) {
      const [mine, theirs] = [{ log: [] }, { log: [] }];
      expect(await own({ operationName, contextValue: mine })).toEqual(
        await reference({ operationName, contextValue: theirs }),
      );
      expect(mine).toEqual(theirs);
    }
  }
});

describe('mutations run serially', () => {
  const run = async (executor: Execute, source: string) => {
    const contextValue: Log = { log: [] };
    const answer = await executor({ schema, document: parse(source), contextValue } as ExecutionArgs);
    return { ...comparableOf(answer), log: contextValue.log };
  };
  test.each([
    ['with their nested fields', 'mutation { a: add(n: 1, later: true) { now later } b: add(n: 2) { now } }'],
    [
      'also after a failed mutation',
      'mutation { a: add(n: 1, fail: true) { now } b: add(n: 2, later: true, fail: true) { now } c: add(n: 2) { now } }',
    ],
    ['but not after an error of a non-null field', 'mutation { a: sure(n: 1) b: sure(n: 3) c: add(n: 2) { now } }'],
    ['and two fields with one response key run once', 'mutation { add(n: 1) { now } add(n: 1) { later } }'],
  ])('%s', async (_what, source) => {
    expect(await run(createExecute(), source)).toEqual(await run(execute as Execute, source));
  });

  // graphql-js starts the next mutation as soon as the field is null. Its changes must not be visible to earlier fields.
  test('and the next one waits for all fields of a mutation that has become null', async () => {
    const { log } = await run(createExecute(), 'mutation { a: add(n: 3) { sure later } b: add(n: 1) { now } }');
    expect(log.indexOf('now 3')).toBeGreaterThan(-1);
    expect(log.indexOf('now 3')).toBeLessThan(log.indexOf('begin 1'));
  });
});

test('a change of a response object does not affect later responses', async () => {
  const document = parse('{ __typename it { __typename a it { b } } }');
  const own = createExecute();
  const changed = (await own({ schema, document })) as { data: Record<string, never> };
  Object.assign(changed.data['it'] ?? {}, { a: 'changed', __typename: 'changed', more: 1 });
  Object.assign(changed.data, { __typename: 'changed' });
  expect(comparableOf(await own({ schema, document }))).toEqual(comparableOf(await execute({ schema, document })));
});

test('parallel requests do not affect each other', async () => {
  const { own, reference } = documentIn(
    schema,
    'query ($s: String, $x: Boolean!) { b echo(s: $s) it @include(if: $x) { echo(s: $s) it { it { echo(s: $s) } } } }',
  );
  const asked = Array.from({ length: 40 }, (_, at) => ({ variableValues: { s: `of ${at}`, x: at % 3 > 0 } }));
  expect(await Promise.all(asked.map(own))).toEqual(await Promise.all(asked.map(reference)));
});
