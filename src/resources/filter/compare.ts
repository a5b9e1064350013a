import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { type Comparison, ruleOf } from './operators.ts';
import { toPostgresRegex } from './regex.ts';

/** The part of a predicate that does not depend on what it is compared with. */
export interface ValuePredicate {
  readonly operator: string;
  /** Null for operators that take no value. */
  readonly value: string | null;
  /** Whether upper and lower case are different. Has no effect on numbers, positions and times. */
  readonly caseSensitive: boolean;
}

/** A value of a service as SQL. */
export interface Operand {
  readonly text: SQLWrapper;
  /** The same value as a number. Null in SQL if it is not a number. */
  readonly number?: SQLWrapper | undefined;
}

/** A decimal number that a double represents without loss. */
export const NUMBER = /^-?\d{1,15}(?:\.\d{1,15})?$/;

/** The condition that a text meets a predicate. It is true or false, never null: a comparison with a missing value is false. */
export function compilePredicate(predicate: ValuePredicate, text: SQLWrapper): SQL {
  const { comparison, negated } = ruleOf(predicate.operator);
  return truthOf(compare(comparison, predicate, { text }), negated);
}

/** A condition that cannot be null. */
export const truthOf = (condition: SQL, negated: boolean): SQL =>
  negated ? sql`(${condition}) is not true` : sql`(${condition}) is true`;

/** The text of a JSON value: a string without its quotes. Null for the JSON value null. */
export const jsonText = (json: SQLWrapper): SQL => sql`(${json} #>> '{}')`;

/** The number of a JSON value. Null if it is not a number. */
export const jsonNumber = (json: SQLWrapper): SQL =>
  sql`(case when jsonb_typeof(${json}) = 'number' then (${json} #>> '{}')::numeric end)`;

/** The comparisons of two texts. Without case, both are in lower case. */
export const TEXT_COMPARISONS = {
  EQUALS: (left: SQLWrapper, right: SQLWrapper) => sql`${left} = ${right}`,
  CONTAINS: (left: SQLWrapper, right: SQLWrapper) => sql`strpos(${left}, ${right}) > 0`,
  STARTS_WITH: (left: SQLWrapper, right: SQLWrapper) => sql`starts_with(${left}, ${right})`,
  ENDS_WITH: (left: SQLWrapper, right: SQLWrapper) => sql`right(${left}, length(${right})) = ${right}`,
} as const;

/** The comparison, without its negation. Null in SQL if the operand is. */
export function compare(comparison: Comparison, { value, caseSensitive }: ValuePredicate, operand: Operand): SQL {
  const { text, number } = operand;
  if (comparison === 'EXISTS') return sql`${text} is not null`;
  if (value === null) throw new Error(`${comparison} needs a value`);
  const [left, right] = caseSensitive ? [text, sql`${value}::text`] : [sql`lower(${text})`, sql`lower(${value}::text)`];
  switch (comparison) {
    case 'EQUALS': {
      const isEqual = TEXT_COMPARISONS.EQUALS(left, right);
      return number && NUMBER.test(value) ? sql`(${isEqual} or ${number} = ${value}::numeric)` : isEqual;
    }
    case 'CONTAINS':
    case 'STARTS_WITH':
    case 'ENDS_WITH':
      return TEXT_COMPARISONS[comparison](left, right);
    case 'MATCHES_REGEX':
      return sql`${text} ${caseSensitive ? sql`~` : sql`~*`} ${toPostgresRegex(value)}`;
    case 'GREATER_THAN_OR_EQUAL_TO':
      return sql`${numberOf(number)} >= ${value}::numeric`;
    case 'LESS_THAN_OR_EQUAL_TO':
      return sql`${numberOf(number)} <= ${value}::numeric`;
    default:
      throw new Error(`${comparison} does not compare texts`);
  }
}

function numberOf(number: SQLWrapper | undefined): SQLWrapper {
  if (!number) throw new Error('a text cannot be compared as a number');
  return number;
}
