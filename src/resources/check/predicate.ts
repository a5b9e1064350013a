import { z } from 'zod';
import { isStorable } from '../../lib/storable.ts';
import { NUMBER } from '../filter/compare.ts';
import { TEXT_OPERATORS } from '../filter/keys.ts';
import { problemOfRegex } from '../filter/regex.ts';
import type { Predicate } from './settings.ts';

/** The operators of the predicates of checks, with the kind of value that each takes. Numbers exist in properties only. */
export const CHECK_OPERATORS = {
  ...TEXT_OPERATORS,
  GREATER_THAN_OR_EQUAL_TO: 'NUMBER',
  LESS_THAN_OR_EQUAL_TO: 'NUMBER',
} as const;

export type CheckOperator = keyof typeof CHECK_OPERATORS;

/** The most characters of the value of a predicate. */
export const MAX_VALUE = 500;

/** The problem with a value for an operator, as a sentence. Null if it is valid. */
function problemOf(operator: CheckOperator, value: string): string | null {
  const kind = CHECK_OPERATORS[operator];
  if (kind === 'REGEX') return problemOfRegex(value);
  return kind === 'NUMBER' && !NUMBER.test(value) ? 'must be a decimal number such as 2.5' : null;
}

export const predicateSchema = z
  .object({
    operator: z.enum(Object.keys(CHECK_OPERATORS) as CheckOperator[]),
    value: z
      .string()
      .min(1)
      .max(MAX_VALUE)
      .refine(isStorable, 'must not contain NUL characters or halves of surrogate pairs'),
    caseSensitive: z
      .boolean()
      .nullish()
      .transform((given) => given ?? false),
  })
  .superRefine(({ operator, value }, { addIssue }) => {
    const problem = problemOf(operator, value);
    if (problem) addIssue({ code: 'custom', path: ['value'], message: problem.replace(/\.$/, '') });
  }) satisfies z.ZodType<Predicate>;
