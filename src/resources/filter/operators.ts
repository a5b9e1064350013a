/** What an operator compares a service with. */
export type Comparison =
  | 'EXISTS'
  | 'EQUALS'
  | 'CONTAINS'
  | 'STARTS_WITH'
  | 'ENDS_WITH'
  | 'MATCHES_REGEX'
  | 'GREATER_THAN_OR_EQUAL_TO'
  | 'LESS_THAN_OR_EQUAL_TO'
  | 'BELONGS_TO'
  | 'MATCHES';

interface OperatorRule {
  readonly comparison: Comparison;
  /** Whether the operator is true exactly if the comparison is false. */
  readonly negated: boolean;
  readonly description: string;
}

const is = (comparison: Comparison, description: string): OperatorRule => ({ comparison, negated: false, description });
const not = (comparison: Comparison, description: string): OperatorRule => ({ comparison, negated: true, description });

/**
 * All operators. A comparison with a missing value is false. So a negated operator is true for a missing value. Of several
 * values, such as tags with the same key, one must meet the comparison. So a negated operator is true if none does.
 */
export const OPERATORS = {
  EXISTS: is('EXISTS', 'There is a value. Takes no `value`.'),
  DOES_NOT_EXIST: not('EXISTS', 'There is no value. Takes no `value`.'),
  EQUALS: is('EQUALS', 'The value is equal to `value`.'),
  DOES_NOT_EQUAL: not('EQUALS', 'The value is not equal to `value`, or is missing.'),
  CONTAINS: is('CONTAINS', 'The value contains `value`.'),
  DOES_NOT_CONTAIN: not('CONTAINS', 'The value does not contain `value`, or is missing.'),
  STARTS_WITH: is('STARTS_WITH', 'The value starts with `value`.'),
  ENDS_WITH: is('ENDS_WITH', 'The value ends with `value`.'),
  MATCHES_REGEX: is('MATCHES_REGEX', 'A part of the value matches the regular expression in `value`.'),
  DOES_NOT_MATCH_REGEX: not(
    'MATCHES_REGEX',
    'No part of the value matches the regular expression in `value`, or the value is missing.',
  ),
  GREATER_THAN_OR_EQUAL_TO: is(
    'GREATER_THAN_OR_EQUAL_TO',
    'The value is a number, position or time that is greater than or equal to that of `value`.',
  ),
  LESS_THAN_OR_EQUAL_TO: is(
    'LESS_THAN_OR_EQUAL_TO',
    'The value is a number, position or time that is less than or equal to that of `value`.',
  ),
  BELONGS_TO: is('BELONGS_TO', 'The value is the team in `value`, or one of its child teams at any depth.'),
  DOES_NOT_BELONG_TO: not(
    'BELONGS_TO',
    'The value is neither the team in `value` nor one of its child teams at any depth, or is missing.',
  ),
  MATCHES: is('MATCHES', 'The service matches the filter in `value`.'),
  DOES_NOT_MATCH: not('MATCHES', 'The service does not match the filter in `value`.'),
} as const satisfies Record<string, OperatorRule>;

export type Operator = keyof typeof OPERATORS;

const isOperator = (name: string): name is Operator => Object.hasOwn(OPERATORS, name);

/** The rule for an operator that is stored. */
export function ruleOf(operator: string): OperatorRule {
  if (!isOperator(operator)) throw new Error(`there is no operator ${operator}`);
  return OPERATORS[operator];
}
