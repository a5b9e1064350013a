import { buildSchema, type ExecutionArgs, execute, parse } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createExecute, type Execute } from '../../src/executor/execute.ts';
import { type Asked, documentIn, shown } from './compare.ts';

const SDL = `
  type Query { a: Int b: Int echo(s: String, n: Int): String it: Thing! sure: Int! }
  type Thing { a: Int b: Int it: Thing! echo(s: String): String }
  type Mutation { add(n: Int!, later: Boolean = false, fail: Boolean = false): Count sure(n: Int!): Int! }
  type Count { now: Int later: Int sure: Int! }`;

interface Journal {
  log: string[];
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

const thing = (): object => ({ a: 1, b: 2, it: thing, echo: ({ s }: { s?: string }) => `${s}` });

/** Writes into the journal what is done, and when it is done. */
async function add({ n, later, fail }: { n: number; later: boolean; fail: boolean }, { log }: Journal) {
  log.push(`begin ${n}`);
  if (later) await turn();
  log.push(`end ${n}`);
  if (fail) throw new Error(`cannot add ${n}`);
  const now = () => log.push(`now ${n}`);
  return { now, later: () => turn().then(now), sure: () => turn().then(() => (n > 2 ? null : now())) };
}

const ROOT: Record<string, unknown> = {
  a: 1,
  b: () => Promise.resolve(2),
  echo: ({ s, n }: { s?: string; n?: number }) => `${s} ${n}`,
  it: thing,
  add,
  sure: ({ n = 0 }: { n?: number }, { log }: Journal) => log.push(`sure ${n}`) && (n > 2 ? null : n),
};

const schema = buildSchema(SDL);
for (const type of [schema.getQueryType(), schema.getMutationType()])
  for (const field of Object.values(type?.getFields() ?? {}))
    field.resolve = (_root, args, context, info) => {
      const value = ROOT[info.fieldName];
      return typeof value === 'function' ? value(args, context) : value;
    };

type Values = Record<string, unknown>;

/** Every permutation of few things. */
const orders = <T>(items: readonly T[]): T[][] =>
  items.length < 2
    ? [[...items]]
    : items.flatMap((first) => orders(items.filter((each) => each !== first)).map((rest) => [first, ...rest]));

describe('what is selected depends on this request’s variables, whatever another’s were', () => {
  const DOCUMENTS = {
    'at the root':
      'query ($x: Boolean!, $y: Boolean = true) { a @skip(if: $x) b @include(if: $y) ...f @skip(if: $y) ...on Query @include(if: $x) { c: a } } fragment f on Query { d: a }',
    'far below':
      'query ($x: Boolean!, $y: Boolean = true) { it { it { a @skip(if: $x) ...f @include(if: $y) it { b } } it @skip(if: $y) { it { c: a } } } } fragment f on Thing { d: a @include(if: $x) }',
    'with nothing left': 'query ($x: Boolean!, $y: Boolean = true) { a @include(if: $x) @skip(if: $y) }',
    'twice the same':
      'query ($x: Boolean!, $y: Boolean = true) { a @skip(if: $x) a @include(if: $y) it { a } it @include(if: $x) { b } }',
  };
  const VALUES: Values[] = [{ x: true }, { x: false, y: false }, { x: true, y: false }, { x: false }];
  test.each(Object.entries(DOCUMENTS))('%s', async (_where, source) => {
    for (const order of orders(VALUES)) {
      const { own, usual } = documentIn(schema, source);
      for (const variableValues of [...order, ...order])
        expect(await own({ variableValues })).toEqual(await usual({ variableValues }));
    }
  });

  test('more of them than plans are kept', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const fields = names.map((name) => `${name}: a @include(if: $${name})`).join(' ');
    const { own, usual } = documentIn(
      schema,
      `query (${names.map((name) => `$${name}: Boolean!`).join(' ')}) { ${fields} }`,
    );
    for (let round = 0; round < 150; round += 1) {
      const variableValues = Object.fromEntries(names.map((name, at) => [name, Boolean(((round * 37) >> at) & 1)]));
      expect(await own({ variableValues })).toEqual(await usual({ variableValues }));
    }
  });

  test('not even where another operation of the document has texts by these names', async () => {
    const source = `
      query First($x: Boolean!) { b @skip(if: $x) }
      query Texts($x: String, $w: Boolean!, $u: String) { a @skip(if: $w) echo(s: $x) e: echo(s: $u) }
      query Last($u: Boolean!) { b @skip(if: $u) }`;
    const { own, usual } = documentIn(schema, source);
    const asked = [
      { operationName: 'Texts', variableValues: { x: 'x true', w: false, u: 'y' } },
      { operationName: 'Texts', variableValues: { x: 'x', w: true, u: 'false y' } },
    ];
    for (const one of asked) expect(await own(one)).toEqual(await usual(one));
  });

  test('where a flag is null, which no flag may be, both refuse', async () => {
    const { own, usual } = documentIn(schema, 'query ($x: Boolean = true) { it { a @skip(if: $x) b } a }');
    for (const variableValues of [{}, { x: null }, { x: false }, { x: null }])
      expect(await own({ variableValues })).toEqual(await usual({ variableValues }));
  });

  // graphql-js says `data: null` besides. The pipeline makes an error of the request of it, which has no data.
  test('where a flag at the root is null, nothing is executed', async () => {
    const { own, usual } = documentIn(schema, 'query ($x: Boolean = true) { a @skip(if: $x) b }');
    const flag = (x: boolean | null): Asked => ({ variableValues: { x } });
    for (const x of [true, false]) expect(await own(flag(x))).toEqual(await usual(flag(x)));
    const message = 'Argument "if" of non-null type "Boolean!" must not be null.';
    expect(await usual(flag(null))).toMatchObject({
      data: 'null',
      errors: [expect.stringContaining('must not be null')],
    });
    await expect(own(flag(null))).rejects.toThrow(message);
  });
});

test('of several operations the named one is run, in whichever order they are asked for', async () => {
  const source = 'query A { a } query B { b ...f } mutation C { add(n: 1) { now } } fragment f on Query { it { a } }';
  for (const order of orders<string | undefined>(['A', 'B', 'C', undefined, 'D', ''])) {
    const { own, usual } = documentIn(schema, source);
    for (const operationName of order) {
      const [mine, theirs] = [{ log: [] }, { log: [] }];
      expect(await own({ operationName, contextValue: mine })).toEqual(
        await usual({ operationName, contextValue: theirs }),
      );
      expect(mine).toEqual(theirs);
    }
  }
});

describe('mutations run one after the other', () => {
  const run = async (executor: Execute, source: string) => {
    const contextValue: Journal = { log: [] };
    const answer = await executor({ schema, document: parse(source), contextValue } as ExecutionArgs);
    return { ...shown(answer), log: contextValue.log };
  };
  test.each([
    ['each with what is below it', 'mutation { a: add(n: 1, later: true) { now later } b: add(n: 2) { now } }'],
    [
      'also after one that failed',
      'mutation { a: add(n: 1, fail: true) { now } b: add(n: 2, later: true, fail: true) { now } c: add(n: 2) { now } }',
    ],
    ['but not after one that must not be null', 'mutation { a: sure(n: 1) b: sure(n: 3) c: add(n: 2) { now } }'],
    ['fields of one name are one', 'mutation { add(n: 1) { now } add(n: 1) { later } }'],
  ])('%s', async (_what, source) => {
    expect(await run(createExecute(), source)).toEqual(await run(execute as Execute, source));
  });

  // graphql-js goes on as soon as it knows that the field is null; what the next one changes must not be seen by it.
  test('the next waits also for what is left of one that has become null', async () => {
    const { log } = await run(createExecute(), 'mutation { a: add(n: 3) { sure later } b: add(n: 1) { now } }');
    expect(log.indexOf('now 3')).toBeGreaterThan(-1);
    expect(log.indexOf('now 3')).toBeLessThan(log.indexOf('begin 1'));
  });
});

test('who changes a response changes no other', async () => {
  const document = parse('{ __typename it { __typename a it { b } } }');
  const own = createExecute();
  const spoiled = (await own({ schema, document })) as { data: Record<string, never> };
  Object.assign(spoiled.data['it'] ?? {}, { a: 'spoiled', __typename: 'spoiled', more: 1 });
  Object.assign(spoiled.data, { __typename: 'spoiled' });
  expect(shown(await own({ schema, document }))).toEqual(shown(await execute({ schema, document })));
});

test('requests at the same time keep to themselves', async () => {
  const { own, usual } = documentIn(
    schema,
    'query ($s: String, $x: Boolean!) { b echo(s: $s) it @include(if: $x) { echo(s: $s) it { it { echo(s: $s) } } } }',
  );
  const asked = Array.from({ length: 40 }, (_, at) => ({ variableValues: { s: `of ${at}`, x: at % 3 > 0 } }));
  expect(await Promise.all(asked.map(own))).toEqual(await Promise.all(asked.map(usual)));
});
