import { isReported } from '../check/settings.ts';
import type { CheckStatus } from '../check-result/table.ts';
import type { CheckToEvaluate } from './checks.ts';
import { parseLetters, parsePairs } from './letters.ts';
import { type CheckedResult, levelsOf, missingChecks } from './levels.ts';
import type { Rubric } from './rubric.ts';
import type { Computed } from './statuses.ts';
import { nextEvaluation } from './time.ts';

/** A check and a service. */
export interface Pair {
  readonly serviceId: string;
  readonly checkId: string;
}

/** What an evaluation changes in the database. */
export interface Differences {
  /** Results that are no longer the latest. */
  readonly ended: Pair[];
  readonly added: (Pair & { status: CheckStatus })[];
  /** Reported results that are the latest again. */
  readonly resumed: Pair[];
  readonly services: { id: string; levelId: string | null; nextEvaluationAt: number | null }[];
  readonly inCategories: LevelDifferences;
  readonly inScorecards: LevelDifferences;
  readonly missingChecks: { serviceId: string; checkIds: string }[];
}

/** Which levels in categories or in scorecards change. `sectionId` is the ID of the category or of the scorecard. */
export interface LevelDifferences {
  readonly removed: { serviceId: string; sectionId: string }[];
  readonly changed: { serviceId: string; sectionId: string; levelId: string }[];
}

export const noDifferences = (): Differences => ({
  ended: [],
  added: [],
  resumed: [],
  services: [],
  inCategories: { removed: [], changed: [] },
  inScorecards: { removed: [], changed: [] },
  missingChecks: [],
});

const STATUSES: Readonly<Record<string, CheckStatus>> = { P: 'PASSED', F: 'FAILED', X: 'PENDING' };
const NOT_APPLICABLE = '-';

/** Which checks were computed. `positions` are those of the computed checks among `rubric.checks`. */
export interface Evaluated {
  readonly rubric: Rubric;
  readonly now: Date;
  /** The position of each check of the rubric in `statuses`. -1 for a check whose status was not computed. */
  readonly positions: readonly number[];
  /** Computed checks, also those that do not count. */
  readonly checkIds: ReadonlySet<string> | null;
}

/** Adds the differences of one service. */
export function compare(all: Differences, row: Computed, evaluated: Evaluated): void {
  const { rubric, positions } = evaluated;
  const isPartial = evaluated.checkIds !== null;
  const stored = isPartial ? parseLetters(row.stored) : null;
  const results: CheckedResult[] = [];
  const expected: Expected[] = [];
  let letters = '';
  for (const [at, check] of rubric.checks.entries()) {
    const position = positions[at] ?? -1;
    const letter = (position < 0 ? stored?.get(check.id) : row.statuses[position]) ?? NOT_APPLICABLE;
    if (letter === NOT_APPLICABLE) continue;
    expected.push({ check, letter });
    letters += check.id + letter;
    const passed = letter === 'P' || (letter === 'X' && check.passPending);
    if (check.campaignId !== null) continue;
    const { id: checkId, categoryId, scorecardId } = check;
    results.push({ checkId, categoryId, scorecardId, level: rubric.levelIds.indexOf(check.levelId), passed });
  }
  if (letters !== row.stored) compareResults(all, row.id, stored ?? parseLetters(row.stored), expected, evaluated);
  compareLevels(all, row, results, evaluated);
}

/** The letter of the latest result that a check should have. */
interface Expected {
  readonly check: CheckToEvaluate;
  readonly letter: string;
}

function compareResults(
  all: Differences,
  serviceId: string,
  stored: ReadonlyMap<string, string>,
  expected: readonly Expected[],
  { checkIds }: Evaluated,
): void {
  const unchanged = new Set<string>();
  for (const { check, letter } of expected) {
    const { id: checkId, type } = check;
    if (stored.get(checkId) === letter) unchanged.add(checkId);
    // Only a report or an event passes or fails such a check.
    else if (isReported(type) && letter !== 'X') all.resumed.push({ serviceId, checkId });
    else all.added.push({ serviceId, checkId, status: STATUSES[letter] as CheckStatus });
  }
  for (const checkId of stored.keys())
    if (!unchanged.has(checkId) && (checkIds?.has(checkId) ?? true)) all.ended.push({ serviceId, checkId });
}

function compareLevels(
  all: Differences,
  row: Computed,
  results: readonly CheckedResult[],
  { rubric, now, checkIds: only }: Evaluated,
): void {
  const { levelIds } = rubric;
  const highest = levelIds.length - 1;
  const { overall, byCategory, byScorecard } = levelsOf(results, highest);
  const checkIds = arrayText(missingChecks(results, overall, highest));
  if (checkIds !== row.missingChecks) all.missingChecks.push({ serviceId: row.id, checkIds });
  compareSections(all.inCategories, row.id, row.storedLevels, byCategory, levelIds);
  compareSections(all.inScorecards, row.id, row.scorecardLevels, byScorecard, levelIds);
  const levelId = overall === null ? null : (levelIds[overall] as string);
  const next = nextEvaluation(row, rubric, now);
  // Of the other checks, it is not known when their results change.
  const nextEvaluationAt = only ? earlier(row.nextEvaluationAt, next) : next;
  if (levelId !== row.levelId || nextEvaluationAt !== row.nextEvaluationAt)
    all.services.push({ id: row.id, levelId, nextEvaluationAt });
}

function compareSections(
  { removed, changed }: LevelDifferences,
  serviceId: string,
  storedText: string,
  reached: ReadonlyMap<string, number>,
  levelIds: readonly string[],
): void {
  const stored = parsePairs(storedText);
  for (const sectionId of stored.keys()) if (!reached.has(sectionId)) removed.push({ serviceId, sectionId });
  for (const [sectionId, level] of reached) {
    const levelId = levelIds[level] as string;
    if (stored.get(sectionId) !== levelId) changed.push({ serviceId, sectionId, levelId });
  }
}

/** IDs in the text form of PostgreSQL's arrays. */
const arrayText = (ids: readonly string[]): string => `{${ids.join(',')}}`;

const earlier = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other);
