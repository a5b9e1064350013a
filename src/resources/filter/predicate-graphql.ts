import { builder } from '../../graphql/builder.ts';
import { textCost } from '../../graphql/cost.ts';
import { FILTER_KEYS, type FilterKey, type KeyDataKind, keyRule, type ValueKind } from './keys.ts';
import { OPERATORS, type Operator } from './operators.ts';
import { MAX_KEY_DATA, MAX_VALUE } from './predicates.ts';
import { type PredicateRow, publicPredicate } from './service.ts';

const described = <Key extends string>(entries: readonly (readonly [Key, { readonly description: string }])[]) =>
  Object.fromEntries(entries.map(([key, { description }]) => [key, { description }])) as Record<
    Key,
    { description: string }
  >;

export const FilterConnective = builder.enumType('FilterConnective', {
  description: 'How the predicates of a filter are combined.',
  values: {
    AND: { description: 'A service must match all predicates.' },
    OR: { description: 'A service must match at least one predicate.' },
  } as const,
});

const FilterKeyEnum = builder.enumType('FilterKey', {
  description: 'What a predicate of a filter is about. `filterKeys` lists the operators of each key.',
  values: described(FILTER_KEYS.map((key) => [key, keyRule(key)] as const)),
});

const OPERATOR_NAMES = Object.keys(OPERATORS) as Operator[];

const FilterOperator = builder.enumType('FilterOperator', {
  description:
    'How a predicate compares. If there are several values, such as tags with one key, one of them is enough. A comparison with a missing value is false, so its negation is true.',
  values: described(OPERATOR_NAMES.map((name) => [name, OPERATORS[name]] as const)),
});

const ValueKindEnum = builder.enumType('FilterValueKind', {
  description: 'The kind of `value` that a predicate needs.',
  values: {
    NONE: { description: 'No value.' },
    TEXT: { description: `A text of 1 to ${MAX_VALUE.toLocaleString('en')} characters.` },
    REGEX: { description: 'A regular expression of RE2, without look-around, back-references and flags.' },
    NUMBER: { description: 'A decimal number with at most 15 digits before and after the point, such as `2.5`.' },
    TIME: { description: 'A time in the format of RFC 3339.' },
    TEAM: { description: 'The ID of a team.' },
    TIER: { description: 'The ID of a tier.' },
    LIFECYCLE: { description: 'The ID of a lifecycle stage.' },
    FILTER: { description: 'The ID of a filter.' },
  } satisfies Record<ValueKind, { description: string }>,
});

const KeyDataKindEnum = builder.enumType('FilterKeyDataKind', {
  description: 'The kind of `keyData` that a key takes.',
  values: {
    NONE: { description: 'No key data.' },
    TAG_KEY: { description: 'The key of tags.' },
    PROPERTY_DEFINITION: { description: 'The ID of a property definition.' },
    LINK_CATEGORY: { description: 'The category of links. Omit it for links of all categories.' },
  } satisfies Record<KeyDataKind, { description: string }>,
});

export const FilterPredicate = builder.objectRef<PredicateRow>('FilterPredicate').implement({
  description: 'A condition of a filter for services.',
  public: true,
  fields: (t) => ({
    key: t.field({
      type: FilterKeyEnum,
      description: 'What the predicate is about.',
      resolve: ({ key }) => key,
    }),
    keyData: t.string({
      nullable: true,
      description:
        'The key of the tag, the category of the link or the ID of the property definition. Null if there is none.',
      resolve: (predicate) => publicPredicate(predicate).keyData,
    }),
    operator: t.field({
      type: FilterOperator,
      description: 'How the predicate compares.',
      resolve: ({ operator }) => operator as Operator,
    }),
    value: t.string({
      nullable: true,
      complexity: textCost(MAX_VALUE),
      description: 'What is compared with. The ID, if it is an object. Null if the operator takes no value.',
      resolve: (predicate) => publicPredicate(predicate).value,
    }),
    caseSensitive: t.exposeBoolean('caseSensitive', {
      description: 'Whether upper and lower case are different. Has no effect on numbers, times and objects.',
    }),
  }),
});

export const FilterPredicateInput = builder.inputType('FilterPredicateInput', {
  description: 'A condition of a filter for services. `filterKeys` lists which operators are valid for which key.',
  fields: (t) => ({
    key: t.field({ type: FilterKeyEnum, required: true, description: 'What the predicate is about.' }),
    keyData: t.string({
      description: `The key of the tag, the category of the link or the ID of the property definition. At most ${MAX_KEY_DATA} characters.`,
    }),
    operator: t.field({ type: FilterOperator, required: true, description: 'How the predicate compares.' }),
    value: t.string({
      description: `What is compared with. 1 to ${MAX_VALUE.toLocaleString('en')} characters, or the ID of an object.`,
    }),
    caseSensitive: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Whether upper and lower case are different. Has no effect on numbers, times and objects.',
    }),
  }),
});

interface OperatorOfKey {
  readonly operator: Operator;
  readonly kind: ValueKind;
}

const FilterKeyOperator = builder.objectRef<OperatorOfKey>('FilterKeyOperator').implement({
  description: 'An operator that is valid for a key.',
  public: true,
  fields: (t) => ({
    operator: t.field({ type: FilterOperator, description: 'The operator.', resolve: ({ operator }) => operator }),
    valueKind: t.field({
      type: ValueKindEnum,
      description: 'The kind of `value` that the operator takes for this key.',
      resolve: ({ kind }) => kind,
    }),
    hasCase: t.boolean({
      description: 'Whether `caseSensitive` has an effect.',
      resolve: ({ kind }) => kind === 'TEXT' || kind === 'REGEX',
    }),
  }),
});

const FilterKeyRule = builder.objectRef<FilterKey>('FilterKeyRule').implement({
  description: 'What is valid for a key of a filter.',
  public: true,
  fields: (t) => ({
    key: t.field({ type: FilterKeyEnum, description: 'The key.', resolve: (key) => key }),
    description: t.string({
      description: 'What the key compares, as a sentence that can be shown to users.',
      resolve: (key) => keyRule(key).description,
    }),
    keyDataKind: t.field({
      type: KeyDataKindEnum,
      description: 'The kind of `keyData` that the key takes.',
      resolve: (key) => keyRule(key).keyData,
    }),
    keyDataRequired: t.boolean({
      description: 'Whether `keyData` is required.',
      resolve: (key) => keyRule(key).keyDataRequired ?? false,
    }),
    operators: t.field({
      type: [FilterKeyOperator],
      description: 'The valid operators.',
      resolve: (key) =>
        Object.entries(keyRule(key).operators).map(([operator, kind]) => ({ operator: operator as Operator, kind })),
    }),
  }),
});

builder.queryField('filterKeys', (t) =>
  t.field({
    type: [FilterKeyRule],
    nullable: true,
    permission: 'filter:read',
    description:
      'The keys of filters with their valid operators and values. It is the same for all organizations. Forms can be built from it.',
    resolve: () => FILTER_KEYS,
  }),
);
