/** The level rule, word for word. Slow on purpose, and without code of `src`. */
export interface NaiveResult {
  category: string;
  level: number;
  passed: boolean;
}

/** The highest level such that all checks of it and below passed. Index 0 is the floor. Null if no check applies. */
export function naiveLevel(results: readonly NaiveResult[], levels: number): number | null {
  if (results.length === 0) return null;
  const passes = (level: number): boolean => results.every((result) => result.level !== level || result.passed);
  const reached = (level: number): boolean => Array.from({ length: level + 1 }, (_, below) => below).every(passes);
  const all = Array.from({ length: levels }, (_, level) => level);
  return Math.max(0, ...all.filter(reached));
}

export const naiveCategoryLevel = (results: readonly NaiveResult[], category: string, levels: number): number | null =>
  naiveLevel(
    results.filter((result) => result.category === category),
    levels,
  );
