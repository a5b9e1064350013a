import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findJsonProblem } from '../src/lib/json-text.ts';
import { size } from './support/size.ts';

const DEPTH = 5;
const RUNS = { numRuns: size(2_000, 100_000) };

/** Nesting by the definition: the largest number of containers that are open at once. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

async function expectSameAsParse(text: string): Promise<void> {
  const problem = await findJsonProblem(Buffer.from(text), DEPTH);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A text can be nested too deeply before its first invalid character.
    expect(problem, text).not.toBeNull();
    return;
  }
  expect(problem?.reason ?? null, text).toBe(depthOf(value) > DEPTH ? 'too deep' : null);
}

const json = fc.json({ depthSize: 'medium', maxDepth: 8 });

test('a valid text is accepted up to the depth', async () => {
  await fc.assert(
    fc.asyncProperty(json, fc.boolean(), (text, isSpaced) =>
      expectSameAsParse(isSpaced ? `\n ${JSON.stringify(JSON.parse(text), null, '\t')}\r\n` : text),
    ),
    RUNS,
  );
});

test('a text with a change at any place is accepted exactly if JSON.parse accepts it', async () => {
  const piece = fc.constantFrom(
    ...'{}[],:"\\/u0019.-+eEtrufalsn \n\t\u0001',
    '\\u00e9',
    '\\ud800',
    '1e5',
    '-0',
    '01',
    '"a"',
    'ü',
  );
  await fc.assert(
    fc.asyncProperty(json, fc.nat(), fc.nat(3), piece, async (text, place, removed, inserted) => {
      const at = place % (text.length + 1);
      await expectSameAsParse((text.slice(0, at) + inserted + text.slice(at + removed)).toWellFormed());
    }),
    RUNS,
  );
});

test('short texts of the characters of JSON are accepted exactly if JSON.parse accepts them', async () => {
  const text = fc.string({ unit: fc.constantFrom(...'{}[],:"\\u01.-+eEtrufalsn '), maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(text, async (given) => await expectSameAsParse(given)),
    RUNS,
  );
});

test('a text of several slices is read to its end, and other work continues meanwhile', async () => {
  const text = Buffer.from(`[${'{},'.repeat(300_000)}1]`);
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  expect(await findJsonProblem(text, DEPTH)).toBeNull();
  isDone = true;
  expect(turns).toBeGreaterThan(3);
  expect(await findJsonProblem(text.subarray(0, -1), DEPTH)).toEqual({ reason: 'invalid', at: text.length - 1 });
});
