/** A result that counts: of a check that is in effect and applies to the service. */
export interface CountedResult {
  readonly categoryId: string;
  /** The scorecard that the check belongs to. Null for the rubric. */
  readonly scorecardId: string | null;
  /** The position of the check's level, from 0. */
  readonly level: number;
  readonly passed: boolean;
}

/** A result with the check that it is of. */
export interface CheckedResult extends CountedResult {
  readonly checkId: string;
}

export interface Levels {
  /** The level in the rubric. Null if no check of it applies to the service. */
  readonly overall: number | null;
  /** The categories in which a check applies. */
  readonly byCategory: ReadonlyMap<string, number>;
  /** The scorecards of which a check applies. */
  readonly byScorecard: ReadonlyMap<string, number>;
}

/**
 * The level of a service: the highest one such that the service passes all checks of this level and of the levels below.
 * Level 0 is the minimum: a service has it even if it fails checks of that level. `highest` is the position of the last level.
 */
export function levelsOf(results: Iterable<CountedResult>, highest: number): Levels {
  const byCategory = new Map<string, number>();
  const byScorecard = new Map<string, number>();
  let overall: number | null = null;
  for (const { categoryId, scorecardId, level, passed } of results) {
    const reached = passed ? highest : Math.max(level - 1, 0);
    byCategory.set(categoryId, Math.min(byCategory.get(categoryId) ?? highest, reached));
    if (scorecardId === null) overall = Math.min(overall ?? highest, reached);
    else byScorecard.set(scorecardId, Math.min(byScorecard.get(scorecardId) ?? highest, reached));
  }
  return { overall, byCategory, byScorecard };
}

/**
 * The checks of the rubric that a service with this overall level must pass for the next one: those of the next level and of
 * the levels below that it does not pass. Empty if there is no next level.
 */
export function missingChecks(results: readonly CheckedResult[], overall: number | null, highest: number): string[] {
  if (overall === null || overall >= highest) return [];
  return results.flatMap(({ checkId, scorecardId, level, passed }) =>
    scorecardId === null && !passed && level <= overall + 1 ? [checkId] : [],
  );
}
