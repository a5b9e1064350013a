import { type Predicate, type ServiceProperty, settingsOf } from '../check/settings.ts';
import { NUMBER } from '../filter/compare.ts';
import type { Predicate as FilterPredicate } from '../filter/compile.ts';
import type { FilterKey } from '../filter/keys.ts';
import { type Comparison, ruleOf } from '../filter/operators.ts';
import { toPostgresRegex } from '../filter/regex.ts';
import type { CheckToEvaluate } from './checks.ts';
import type { Subject } from './values.ts';

/**
 * A comparison with the values of a service. The service meets it if one of its values does. PostgreSQL compares the values
 * with the conditions of all checks and filters in one statement whose text is always the same.
 */
export interface Condition {
  readonly subject: Subject;
  /** The key of the tag, the category of the link, the ID of the property, or the type of the contact. Null for any. */
  readonly key: string | null;
  /** The name of the link. Null for any. */
  readonly name: string | null;
  readonly comparison: Comparison;
  /** Whether a value must not meet the comparison. */
  readonly negated: boolean;
  readonly value: string | null;
  readonly case_sensitive: boolean;
  /** What a value that is a number is compared with. */
  readonly number: string | null;
  /** Whether a text with digits is a number. */
  readonly numeric_text: boolean;
}

const ANY: Omit<Condition, 'subject'> = {
  key: null,
  name: null,
  comparison: 'EXISTS',
  negated: false,
  value: null,
  case_sensitive: true,
  number: null,
  numeric_text: false,
};

const exists = (subject: Subject, key: string | null = null): Condition => ({ ...ANY, subject, key });

/** The comparison of a predicate with texts. */
function compared(
  comparison: Comparison,
  { value, caseSensitive }: Pick<Predicate, 'value' | 'caseSensitive'>,
): Pick<Condition, 'comparison' | 'value' | 'case_sensitive'> {
  if (comparison === 'EXISTS') return ANY;
  if (value === null) throw new Error(`${comparison} needs a value`);
  const isRegex = comparison === 'MATCHES_REGEX';
  return { comparison, value: isRegex ? toPostgresRegex(value) : value, case_sensitive: caseSensitive };
}

const numberOf = (value: string | null): string | null => (value !== null && NUMBER.test(value) ? value : null);

/** A condition, and whether the service must not meet it. */
export interface Requirement {
  readonly condition: Condition;
  readonly negated: boolean;
}

const must = (condition: Condition, negated = false): Requirement => ({ condition, negated });

/** What a service needs to match a predicate. */
export function requirementOf(predicate: FilterPredicate): Requirement {
  const { comparison, negated } = ruleOf(predicate.operator);
  if (predicate.key === 'FILTER') throw new Error('a nested filter is not a condition');
  return must(CONDITIONS[predicate.key](predicate, comparison), negated);
}

type Describe = (predicate: FilterPredicate, comparison: Comparison) => Condition;

const text =
  (subject: Subject): Describe =>
  (predicate, comparison) => ({ ...exists(subject), ...compared(comparison, predicate) });

/** EXISTS and EQUALS for a reference, and comparisons of the position of what it refers to. */
const reference =
  (subject: Subject, idOf: (predicate: FilterPredicate) => string | null): Describe =>
  (predicate, comparison) => ({ ...exists(subject), comparison, value: idOf(predicate) });

/** An alias of a connected service. A service without one exists too. */
const connected =
  (subject: Subject, alias: Subject): Describe =>
  (predicate, comparison) =>
    text(comparison === 'EXISTS' ? subject : alias)(predicate, comparison);

const CONDITIONS: Readonly<Record<Exclude<FilterKey, 'FILTER'>, Describe>> = {
  NAME: text('NAME'),
  ALIAS: text('ALIAS'),
  DESCRIPTION: text('DESCRIPTION'),
  LANGUAGE: text('LANGUAGE'),
  FRAMEWORK: text('FRAMEWORK'),
  OWNER: (predicate, comparison) =>
    comparison === 'BELONGS_TO'
      ? reference('OWNER_OR_PARENT', ({ teamId }) => teamId)(predicate, 'EQUALS')
      : reference('OWNER', ({ teamId }) => teamId)(predicate, comparison),
  TIER: reference('TIER', ({ tierId }) => tierId),
  LIFECYCLE: reference('LIFECYCLE', ({ lifecycleId }) => lifecycleId),
  TAG: (predicate, comparison) => ({ ...text('TAG')(predicate, comparison), key: predicate.keyData ?? '' }),
  PROPERTY: (predicate, comparison) => ({
    ...text('PROPERTY')(predicate, comparison),
    key: predicate.definitionId ?? '',
    number: numberOf(predicate.value),
  }),
  LINK: (predicate, comparison) => ({ ...text('LINK')(predicate, comparison), key: predicate.keyData }),
  DEPENDENCY: connected('DEPENDENCY', 'DEPENDENCY_ALIAS'),
  DEPENDENT: connected('DEPENDENT', 'DEPENDENT_ALIAS'),
  LAST_DEPLOY: ({ value }, comparison) => ({
    ...exists('LAST_DEPLOY'),
    comparison,
    number: value === null ? null : String(Date.parse(value)),
  }),
};

/** The properties that each service has. TIER and LIFECYCLE are compared by their names. */
const PROPERTIES: Readonly<Record<ServiceProperty, Subject>> = {
  NAME: 'NAME',
  DESCRIPTION: 'DESCRIPTION',
  LANGUAGE: 'LANGUAGE',
  FRAMEWORK: 'FRAMEWORK',
  TIER: 'TIER_NAME',
  LIFECYCLE: 'LIFECYCLE_NAME',
};

/** What a service needs to pass a check. Null if no service passes. */
export function requirementOfCheck({ type, settings, definitionId }: CheckToEvaluate): Requirement | null {
  switch (type) {
    case 'HAS_OWNER': {
      const { contactRequired, contactType } = settingsOf(type, settings);
      return must(contactRequired || contactType ? exists('CONTACT', contactType) : exists('OWNER'));
    }
    case 'SERVICE_PROPERTY': {
      const { property, predicate } = settingsOf(type, settings);
      if (!property && !definitionId) return null;
      const value = property ? exists(PROPERTIES[property]) : exists('PROPERTY', definitionId);
      if (!predicate) return must(value);
      const { comparison, negated } = ruleOf(predicate.operator);
      const number = numberOf(predicate.value);
      return must({ ...value, ...compared(comparison, predicate), number, numeric_text: true }, negated);
    }
    case 'TAG_DEFINED': {
      const { key, predicate } = settingsOf(type, settings);
      return must({ ...exists('TAG', key), ...met(predicate) });
    }
    case 'LINK': {
      const { category, name, predicate } = settingsOf(type, settings);
      return must({ ...exists('LINK', category), name, ...met(predicate) });
    }
    case 'HAS_DEPENDENCY':
      return must(exists('DEPENDENCY'));
    default:
      throw new Error(`a check of type ${type} does not compare values`);
  }
}

/** One value must meet the predicate, also if it is negated. */
function met(predicate: Predicate | null): Partial<Condition> {
  if (!predicate) return {};
  const { comparison, negated } = ruleOf(predicate.operator);
  return { ...compared(comparison, predicate), negated };
}
