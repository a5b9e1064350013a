import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { problemOfRegex, toPostgresRegex } from '../../src/resources/filter/regex.ts';
import { cloneDatabase } from '../support/database.ts';
import { size } from '../support/size.ts';

const { root } = await cloneDatabase();

describe('a regular expression is refused', () => {
  test.each([
    ['with a back-reference', '(a)\\1', 'character 4'],
    ['with look-ahead', 'a(?=b)', 'character 2'],
    ['with look-behind', '(?<!a)b', 'character 1'],
    ['with flags', '(?i)a', 'character 1'],
    ['with a named group', '(?P<name>a)', 'character 1'],
    ['with a word boundary', '\\bfoo', 'character 1'],
    ['with a constraint of PostgreSQL', '\\mfoo', 'character 1'],
    ['with a class of POSIX', '[[:alpha:]]', 'character 1'],
    ['with a collating element', '[[.a.]]', 'character 1'],
    ['with a Unicode class', '\\pL', 'character 1'],
    ['with a director of PostgreSQL', '***=a', 'nothing to repeat'],
    ['with a repeated repetition', 'a**', 'nothing to repeat'],
    ['with a repeated anchor', '^*', 'nothing to repeat'],
    ['with a brace as a character', 'a{,5}', 'character 2'],
    ['with a range that ends before it starts', '[z-a]', 'not a valid'],
    ['with a count above that of PostgreSQL', 'a{256}', 'between 0 and 255'],
    ['with counts that end before they start', 'a{3,1}', 'ends before it starts'],
    ['with huge nested counts', '((a{100}){100}){100}', 'too large'],
    ['that PostgreSQL compiles in 10 seconds', '(a*|b*){255}', 'too large'],
    ['with an open group', '(a', 'not closed'],
    ['with a closed group', 'a)', 'not open'],
    ['that is too long', 'a'.repeat(501), '500'],
    ['that nests 501 groups', `${'('.repeat(251)}${')'.repeat(250)}`, '500'],
  ])('%s', (_what, pattern, problem) => {
    expect(problemOfRegex(pattern)).toContain(problem);
  });
});

const CHARACTERS = ['a', 'B', 'b', '1', '_', ' ', '\n', '.', '-', '[', '\\', 'é', '😀'];

/** Elements of both engines, and some that only one of them has. */
const ELEMENTS = [
  ...[
    'a',
    'B',
    'é',
    '😀',
    '.',
    '\\.',
    '\\\\',
    '\\[',
    '\\n',
    '\\d',
    '\\D',
    '\\w',
    '\\W',
    '\\s',
    '\\S',
    '^',
    '$',
    '|',
    '(',
  ],
  ...['(', ')', ')', '(?:', '[aB]', '[^a]', '[\\w.-]', '[^\\s\\d]', '[0-9a]', '[-1]', '*', '+', '?', '*?', '+?', '??'],
  ...['{2}', '{1,2}', '{0}', '{2,}', '{0,9}?', '{50}', '[', ']', '{', '}', '\\b', '(?=', '\\1', '[[:alpha:]]', '\\_'],
];

/** Whether texts match, by PostgreSQL and by RE2. */
async function results(pattern: string, texts: string[], caseSensitive: boolean): Promise<[unknown, unknown]> {
  const rows = await root.unsafe(
    `select text ${caseSensitive ? '~' : '~*'} $1 as matches from unnest($2::text[]) with ordinality as given (text, at) order by at`,
    [toPostgresRegex(pattern), texts],
  );
  const regex = RE2JS.compile(pattern, RE2JS.DOTALL | (caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE));
  return [rows.map(({ matches }) => matches), texts.map((text) => regex.matcher(text).find())];
}

test('whatever is accepted means the same in PostgreSQL and RE2', async () => {
  const patterns = fc
    .array(fc.constantFrom(...ELEMENTS), { minLength: 1, maxLength: 9 })
    .map((parts) => parts.join(''));
  const texts = fc.array(fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 6 }), {
    minLength: 6,
    maxLength: 6,
  });
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(patterns, texts, fc.boolean(), async (pattern, given, caseSensitive) => {
      if (problemOfRegex(pattern) !== null) return;
      accepted += 1;
      const [own, other] = await results(pattern, given, caseSensitive);
      expect(own, pattern).toEqual(other);
    }),
    { numRuns: size(1_000, 40_000) },
  );
  expect(accepted).toBeGreaterThan(100);
});

test('an expression that needs exponential time with backtracking finishes on a long text', async () => {
  const text = `${'a'.repeat(50_000)}!`;
  for (const pattern of ['(a+)+$', '(a|a)+$', '(a|aa)+$', '(.*a){12}$', '^(([a-z])+.)+[A-Z]([a-z])+$'])
    expect((await results(pattern, [text], true))[0], pattern).toEqual([false]);
});

test('the largest accepted expressions are compiled', async () => {
  for (const pattern of [
    '(a?){165}',
    '(a?b?){100}',
    '(\\w?\\w?){100}',
    '(|a|b){0,50}',
    'a?'.repeat(250),
    '((a?b?){5}){19}',
  ]) {
    expect(problemOfRegex(pattern), pattern).toBeNull();
    expect((await results(pattern, ['ab'], false))[0], pattern).toEqual([true]);
  }
});
