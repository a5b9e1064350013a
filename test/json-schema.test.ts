import { afterAll, describe, expect, test } from 'vitest';
import { createSchemaValidator, type SchemaValidator } from '../src/lib/json-schema/validator.ts';

const started: SchemaValidator[] = [];
afterAll(() => Promise.all(started.map((one) => one.stop())));

/** Limits that an ordinary schema does not reach on a loaded machine, unless a test is about them. */
function start(limits: { cpuMs?: number; memoryMb?: number } = {}): SchemaValidator {
  const validator = createSchemaValidator({ cpuMs: 60_000, memoryMb: 128, ...limits });
  started.push(validator);
  return validator;
}

const validator = start();

/** Each definition has two references to the next, so a validation visits 2^40 of them. */
const EXPONENTIAL = Object.fromEntries(
  Array.from({ length: 40 }, (_, at) => {
    const next = { $ref: `#/$defs/d${at + 1}` };
    return [`d${at}`, at < 39 ? { allOf: [next, next] } : { type: 'string' }];
  }),
);

/** Accepted, because no sample has items. */
const SLOW_LIST = { items: { $ref: '#/$defs/d0' }, $defs: EXPONENTIAL };

describe('a schema', () => {
  test.each([
    ['of a scalar', { type: 'integer', minimum: 1, maximum: 65_535 }],
    ['of an object', { type: 'object', required: ['a'], properties: { a: {} }, additionalProperties: false }],
    ['that refers to its parts', { $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }],
    ['of a tree', { type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } } }],
    ['with an ID and its draft', { $id: 'https://a.test/b', $schema: 'https://json-schema.org/draft/2020-12/schema' }],
    ['with properties that are named like keywords', { properties: { $ref: {}, pattern: {}, typo: {} } }],
    ['with data that looks like a schema', { const: { $ref: 'https://a.test' }, examples: [{ pattern: '(' }] }],
    ['without keywords', {}],
  ])('%s is accepted', async (_name, schema) => {
    expect(await validator.check('a', schema)).toBeNull();
  });

  const lookAhead = /is not a regular expression of RE2: .*\(\?=/;
  test.each<[string, object, string[], string | RegExp]>([
    ['an unknown type', { type: 'port' }, ['type'], /must be equal to one of the allowed values: \["array"/],
    [
      'a misspelled keyword',
      { properties: { a: { minLenght: 1 } } },
      ['properties', 'a', 'minLenght'],
      /not a supported/,
    ],
    ['a reference to a URL', { not: { $ref: 'https://a.test/b' } }, ['not', '$ref'], /part of the same schema/],
    ['a reference to a file', { $ref: 'file:///etc/passwd' }, ['$ref'], /part of the same schema/],
    ['a reference to nothing', { $ref: '#/$defs/a' }, [], /can't resolve reference/],
    ['a reference to itself', { $ref: '#' }, [], 'refers to itself without an end'],
    ['look-ahead', { items: { pattern: '(?=a)' } }, ['items', 'pattern'], lookAhead],
    ['look-ahead for names', { patternProperties: { '(?=a)': {} } }, ['patternProperties', '(?=a)'], lookAhead],
    ['a back-reference', { pattern: '(a)\\1' }, ['pattern'], /is not a regular expression of RE2/],
    ['a huge repetition', { pattern: '((a{1000}){1000}){1000}' }, ['pattern'], /is not a regular expression of RE2/],
    ['an unknown format', { format: 'phone' }, ['format'], /must be one of date, time,/],
    ['the form of an older draft', { items: [{}] }, ['items'], 'must be object,boolean'],
    ['an older draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, ['$schema'], /2020-12/],
    ['an ID in a part', { allOf: [{ $id: 'a' }] }, ['allOf', '0', '$id'], /at the root/],
    // With it, ajv would return a promise, which is never false.
    ['the keyword $async', { $async: true, type: 'string' }, ['$async'], /not a supported keyword/],
    ['a step of zero', { multipleOf: 0 }, ['multipleOf'], 'must be > 0'],
    ['a name that ajv ignores', JSON.parse('{"properties":{"__proto__":{}}}'), ['properties', '__proto__'], /name/],
  ])('with %s is refused, and the path leads to it', async (_name, schema, path, message) => {
    expect(await validator.check('a', schema)).toEqual({
      path,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
  });
});

describe('a value', () => {
  const SERVER = {
    type: 'object',
    required: ['port'],
    properties: { port: { type: 'integer' }, 'a/b~c': { enum: ['x', 'y'] }, list: { items: { format: 'date' } } },
    additionalProperties: false,
  };

  test('that is invalid is found among others, with the path to the error', async () => {
    const values = [
      { port: 1, 'a/b~c': 'x', list: ['2026-01-31'] },
      { port: 'x' },
      {},
      { port: 1, other: 1 },
      { port: 1, 'a/b~c': 'z' },
      { port: 1, list: ['2026-01-31', '2026-02-31'] },
    ];
    expect(await validator.validate('a', SERVER, values)).toEqual([
      { item: 1, path: ['port'], message: 'must be integer' },
      { item: 2, path: [], message: "must have required property 'port'" },
      { item: 3, path: [], message: 'must NOT have additional properties: "other"' },
      { item: 4, path: ['a/b~c'], message: 'must be equal to one of the allowed values: ["x","y"]' },
      { item: 5, path: ['list', '1'], message: 'must match format "date"' },
    ]);
  });

  test('is matched with each pattern of the schema, not with the first one only', async () => {
    const schema = { allOf: [{ pattern: '^a' }, { pattern: 'b$' }] };
    const problems = await validator.validate('a', schema, ['ab', 'a', 'b']);
    expect(problems.map(({ item, message }) => [item, message])).toEqual([
      [1, 'must match pattern "b$"'],
      [2, 'must match pattern "^a"'],
    ]);
  });

  test('is matched by catastrophic patterns in linear time', async () => {
    const patterns = ['^(a+)+$', '^(a|a)*$', '^(.*a){20}$', '^([a-z]+)*$', '(x+x+)+y'];
    const text = `${'a'.repeat(8_000)}!`;
    for (const pattern of patterns) expect(await validator.validate('a', { pattern }, [text])).toHaveLength(1);
  });

  test('does not have the properties of every JavaScript object', async () => {
    expect(await validator.validate('a', { required: ['toString'] }, [{}, { toString: 1 }])).toMatchObject([
      { item: 0 },
    ]);
  });
});

describe('a task that exceeds a limit', () => {
  const stopped = { path: [], message: expect.stringMatching(/too much time or memory/) };

  test('of time is stopped, and the next task is run by another thread', async () => {
    const own = start({ cpuMs: 1_000 });
    expect(await own.validate('a', SLOW_LIST, [[], ['a']])).toEqual([0, 1].map((item) => ({ item, ...stopped })));
    expect(await own.check('a', { $ref: '#/$defs/d0', $defs: EXPONENTIAL })).toEqual(stopped);
    expect(await own.check('a', {})).toBeNull();
  });

  test('of memory is stopped, and the next task is run by another thread', async () => {
    const own = start({ memoryMb: 24 });
    const large = Array.from({ length: 2_000_000 }, () => []);
    expect(await own.validate('a', {}, [large])).toEqual([{ item: 0, ...stopped }]);
    expect(await own.validate('a', {}, [large.slice(0, 10)])).toEqual([]);
  });
});

describe('the queue', () => {
  test('serves organizations that have used no time before further tasks of one that has', async () => {
    const finished: string[] = [];
    const own = start();
    const run = async (owner: string, at: number): Promise<void> => {
      await own.validate(owner, { const: at }, [at]);
      finished.push(owner);
    };
    await Promise.all([...[1, 2, 3, 4, 5].map((at) => run('a', at)), run('b', 1), run('c', 1)]);
    expect(finished).toEqual(['a', 'b', 'c', 'a', 'a', 'a', 'a']);
  });

  test('of an organization has a limit, which does not concern the others', async () => {
    const busy = Array.from({ length: 40 }, () =>
      validator.check('a', {}).then(
        () => 'ok',
        ({ code, message, extensions }) =>
          code === 'UNAVAILABLE' && `${message} ${Number(extensions.http.headers['retry-after']) > 0}`,
      ),
    );
    expect(await validator.check('b', {})).toBeNull();
    const outcomes = await Promise.all(busy);
    expect(outcomes).toContain('ok');
    expect(outcomes).toContainEqual(expect.stringMatching(/are queued\. Try again in \d+ seconds?\. true$/));
  });

  test('runs tasks after a stop, in a new thread', async () => {
    const own = start();
    expect(await own.check('a', {})).toBeNull();
    await own.stop();
    expect(await own.check('a', {})).toBeNull();
  });
});
