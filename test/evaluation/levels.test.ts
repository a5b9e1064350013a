import fc from 'fast-check';
import { expect, test } from 'vitest';
import { levelsOf, missingChecks } from '../../src/resources/evaluation/levels.ts';
import { size } from '../support/size.ts';
import { naiveCategoryLevel, naiveLevel } from './naive-levels.ts';

const passed = (level: number, category = 'a') => ({ categoryId: category, scorecardId: null, level, passed: true });
const failed = (level: number, category = 'a') => ({ ...passed(level, category), passed: false });

test('a service has the highest level up to which it passes all checks', () => {
  expect(levelsOf([passed(0), passed(1), failed(2)], 3).overall).toBe(1);
  expect(levelsOf([passed(0), passed(1), passed(2)], 3).overall).toBe(3);
});

test('a check that passes above a failed one does not raise the level', () => {
  expect(levelsOf([passed(0), failed(1), passed(2), passed(3)], 3).overall).toBe(0);
});

test('level 0 is the floor, also for a service that fails its checks', () => {
  expect(levelsOf([failed(0)], 3).overall).toBe(0);
});

test('a level without checks passes', () => {
  expect(levelsOf([passed(0), failed(3)], 3).overall).toBe(2);
});

test('a category without checks has no level, and the overall level is that of all categories', () => {
  const { overall, byCategory } = levelsOf([passed(0, 'a'), failed(2, 'b')], 2);
  expect(overall).toBe(1);
  expect(Object.fromEntries(byCategory)).toEqual({ a: 2, b: 1 });
  expect(levelsOf([], 2)).toEqual({ overall: null, byCategory: new Map(), byScorecard: new Map() });
});

test('a check of a scorecard counts for the scorecard and its category only', () => {
  const ofScorecard = { ...failed(1, 'b'), scorecardId: 's' };
  expect(levelsOf([passed(0), ofScorecard], 2)).toEqual({
    overall: 2,
    byCategory: new Map([
      ['a', 2],
      ['b', 0],
    ]),
    byScorecard: new Map([['s', 0]]),
  });
});

test('the missing checks are the failed ones up to the next level, without those of scorecards', () => {
  const results = [failed(0), passed(1), failed(1), failed(2), { ...failed(0), scorecardId: 's' }].map(
    (result, at) => ({
      ...result,
      checkId: String(at),
    }),
  );
  expect(missingChecks(results, 0, 2)).toEqual(['0', '2']);
  expect(missingChecks(results.slice(1), 0, 2)).toEqual(['2']);
  expect(missingChecks(results, 0, 0)).toEqual([]);
  expect(missingChecks([], null, 2)).toEqual([]);
});

test('levels of random results are those of the naive model', () => {
  const results = fc.array(
    fc.record({ category: fc.constantFrom('a', 'b', 'c'), level: fc.nat(4), passed: fc.boolean() }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(results, (given) => {
      const levels = levelsOf(
        given.map(({ category, ...rest }) => ({ categoryId: category, scorecardId: null, ...rest })),
        4,
      );
      expect(levels.overall).toBe(naiveLevel(given, 5));
      for (const category of ['a', 'b', 'c'])
        expect(levels.byCategory.get(category) ?? null).toBe(naiveCategoryLevel(given, category, 5));
    }),
    { numRuns: size(500, 20_000) },
  );
});
