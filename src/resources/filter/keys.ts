import type { Operator } from './operators.ts';

/** The kind of `value` that a predicate needs. */
export type ValueKind = 'NONE' | 'TEXT' | 'REGEX' | 'NUMBER' | 'TIME' | 'TEAM' | 'TIER' | 'LIFECYCLE' | 'FILTER';

/** The kind of `keyData` that a key takes. */
export type KeyDataKind = 'NONE' | 'TAG_KEY' | 'PROPERTY_DEFINITION' | 'LINK_CATEGORY';

interface KeyRule {
  readonly description: string;
  readonly keyData: KeyDataKind;
  readonly keyDataRequired?: boolean;
  /** The valid operators, with the kind of value of each. */
  readonly operators: Readonly<Partial<Record<Operator, ValueKind>>>;
}

const PRESENCE = { EXISTS: 'NONE', DOES_NOT_EXIST: 'NONE' } as const;

const equality = <Kind extends ValueKind>(kind: Kind) => ({ EQUALS: kind, DOES_NOT_EQUAL: kind }) as const;

const order = <Kind extends ValueKind>(kind: Kind) =>
  ({ GREATER_THAN_OR_EQUAL_TO: kind, LESS_THAN_OR_EQUAL_TO: kind }) as const;

/** The operators for one text, also in the predicates of checks. */
export const TEXT_OPERATORS = {
  ...equality('TEXT'),
  CONTAINS: 'TEXT',
  DOES_NOT_CONTAIN: 'TEXT',
  STARTS_WITH: 'TEXT',
  ENDS_WITH: 'TEXT',
  MATCHES_REGEX: 'REGEX',
  DOES_NOT_MATCH_REGEX: 'REGEX',
} as const;

/** Which operators are valid for which key, and what they take. The only place that states it. */
export const KEYS = {
  NAME: { description: 'The name of the service.', keyData: 'NONE', operators: TEXT_OPERATORS },
  ALIAS: { description: 'The aliases of the service.', keyData: 'NONE', operators: { ...PRESENCE, ...TEXT_OPERATORS } },
  DESCRIPTION: {
    description: 'The description of the service.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...TEXT_OPERATORS },
  },
  OWNER: {
    description: 'The team that owns the service.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...equality('TEAM'), BELONGS_TO: 'TEAM', DOES_NOT_BELONG_TO: 'TEAM' },
  },
  TIER: {
    description: 'The tier of the service. Tiers are ordered by `index`, so the first tier is the least.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...equality('TIER'), ...order('TIER') },
  },
  LIFECYCLE: {
    description: 'The lifecycle stage of the service. Stages are ordered by `index`, so the first stage is the least.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...equality('LIFECYCLE'), ...order('LIFECYCLE') },
  },
  LANGUAGE: {
    description: 'The programming language of the service.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...TEXT_OPERATORS },
  },
  FRAMEWORK: {
    description: 'The framework of the service.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...TEXT_OPERATORS },
  },
  TAG: {
    description: 'The values of the tags with the key in `keyData`.',
    keyData: 'TAG_KEY',
    keyDataRequired: true,
    operators: { ...PRESENCE, ...TEXT_OPERATORS },
  },
  PROPERTY: {
    description:
      'The value of the property whose definition has the ID in `keyData`. Compared as text, except that a number is compared as a number. A list or an object is compared as JSON text.',
    keyData: 'PROPERTY_DEFINITION',
    keyDataRequired: true,
    operators: { ...PRESENCE, ...TEXT_OPERATORS, ...order('NUMBER') },
  },
  LINK: {
    description: 'The URLs of the links of the service, or of those with the category in `keyData`.',
    keyData: 'LINK_CATEGORY',
    operators: { ...PRESENCE, ...TEXT_OPERATORS },
  },
  DEPENDENCY: {
    description: 'The aliases of the services that the service depends on.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...equality('TEXT') },
  },
  DEPENDENT: {
    description: 'The aliases of the services that depend on the service.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...equality('TEXT') },
  },
  LAST_DEPLOY: {
    description: 'The time of the last deploy of the service.',
    keyData: 'NONE',
    operators: { ...PRESENCE, ...order('TIME') },
  },
  FILTER: {
    description: 'Whether the service matches another filter.',
    keyData: 'NONE',
    operators: { MATCHES: 'FILTER', DOES_NOT_MATCH: 'FILTER' },
  },
} as const satisfies Record<string, KeyRule>;

export type FilterKey = keyof typeof KEYS;

export const FILTER_KEYS = Object.keys(KEYS) as FilterKey[];

export const keyRule = (key: FilterKey): KeyRule => KEYS[key];

/** The kind of value of a predicate. Null if the operator is not valid for the key. */
export const valueKindOf = (key: FilterKey, operator: Operator): ValueKind | null =>
  keyRule(key).operators[operator] ?? null;
