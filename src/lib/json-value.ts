import type { z } from 'zod';
import type { UserErrorCode } from './errors.ts';
import { isStorable } from './storable.ts';

/** Levels of lists and objects. A recursive function could exceed its stack with more. */
const MAX_DEPTH = 64;

/** Why the database cannot store a JSON value and return it unchanged. Null if it can. */
function unstorable(value: unknown): string | null {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return `must have at most ${MAX_DEPTH} levels of lists and objects`;
    for (const item of level) {
      // JSON has no infinity. A literal such as 1e999 becomes infinite, and would be stored as null.
      if (typeof item === 'number' && !Number.isFinite(item)) return 'must not contain a number that exceeds a double';
      if (!isStorable(item)) return NOT_STORABLE;
    }
    const objects = level.filter((item) => typeof item === 'object' && item !== null) as object[];
    if (objects.some((object) => !Object.keys(object).every(isStorable))) return NOT_STORABLE;
    level = objects.flatMap((object) => Object.values(object));
  }
  return null;
}

const NOT_STORABLE = 'must not contain NUL characters or halves of surrogate pairs';

interface JsonProblem {
  code: UserErrorCode;
  message: string;
}

/** Why a JSON value is not accepted. `max` is the number of characters without white space. */
export function problemOfJson(value: unknown, max: number): JsonProblem | null {
  const message = unstorable(value);
  if (message) return { code: 'INVALID', message };
  if (JSON.stringify(value).length <= max) return null;
  return { code: 'TOO_LONG', message: `must be at most ${max.toLocaleString('en')} characters of JSON` };
}

/** For `superRefine`: a JSON value of at most `max` characters. */
export const boundedJson = (max: number) => (value: unknown, ctx: z.RefinementCtx) => {
  const problem = problemOfJson(value, max);
  if (problem) ctx.addIssue({ code: 'custom', message: problem.message, params: { code: problem.code } });
};
