import fc from 'fast-check';
import { newId } from '../../src/lib/ids.ts';
import { problemOfRegex } from '../../src/resources/filter/regex.ts';
import type { World } from '../filter/worlds.ts';
import type { Model, NaiveCheck, NaivePredicate, NaiveSettings } from './naive.ts';

/** Random parts of a check. Numbers select one of the objects of the world. */
export interface CheckPlan {
  category: number;
  level: number;
  filter: number | null;
  campaign: number | null;
  definition: number;
  settings: NaiveSettings;
  state: 'ENABLED' | 'DISABLED' | 'UPCOMING';
  /** Hours until an upcoming check becomes enabled. */
  hours: number;
  passPending: boolean;
}

/** Few values, so that a time is often exactly that of an expiry, a start or the end of a recent deploy. */
const hours = fc.constantFrom(1, 12, 24);

const text = fc.constantFrom('a', 'A', 'b', 'B1', '1', 'aB', '%', '[');
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(values, { freq: 2 });

const predicate: fc.Arbitrary<NaivePredicate> = fc
  .record({
    operator: fc.constantFrom(
      'EQUALS',
      'DOES_NOT_EQUAL',
      'CONTAINS',
      'DOES_NOT_CONTAIN',
      'STARTS_WITH',
      'MATCHES_REGEX',
    ),
    value: text,
    caseSensitive: fc.boolean(),
  })
  .filter(({ operator, value }) => operator !== 'MATCHES_REGEX' || problemOfRegex(value) === null);

/** Values of predicates that are numbers. The values of properties are often texts that look like numbers. */
export const NUMBERS = ['0', '7', '007', '-7', '0.5', '10', '3', '5', '7.0', '123456789012345', '0.1'];
export const NUMBER_OPERATORS = ['EQUALS', 'DOES_NOT_EQUAL', 'GREATER_THAN_OR_EQUAL_TO', 'LESS_THAN_OR_EQUAL_TO'];

const ofNumbers: fc.Arbitrary<NaivePredicate> = fc.record({
  operator: fc.constantFrom(...NUMBER_OPERATORS),
  value: fc.constantFrom(...NUMBERS),
  caseSensitive: fc.boolean(),
});

const contact = maybe(fc.constantFrom('EMAIL', 'SLACK'));

const settings: fc.Arbitrary<NaiveSettings> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ type: 'MANUAL' as const }) },
  fc.record({ type: fc.constant('HAS_OWNER' as const), contactRequired: fc.boolean(), contactType: contact }),
  fc.record({
    type: fc.constant('SERVICE_PROPERTY' as const),
    property: maybe(fc.constantFrom('NAME', 'DESCRIPTION', 'LANGUAGE', 'FRAMEWORK', 'TIER', 'LIFECYCLE')),
    predicate: maybe(predicate),
  }),
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('SERVICE_PROPERTY' as const),
      property: fc.constant(null),
      predicate: ofNumbers,
    }),
  },
  fc.record({ type: fc.constant('TAG_DEFINED' as const), key: maybe(text), predicate: maybe(predicate) }),
  fc.record({
    type: fc.constant('LINK' as const),
    category: maybe(text),
    name: maybe(fc.constantFrom('A link', 'Another link')),
    predicate: maybe(predicate),
  }),
  fc.constant({ type: 'HAS_DEPENDENCY' as const }),
  fc.record({ type: fc.constant('RECENT_DEPLOY' as const), days: fc.constantFrom(1, 1, 3, 400) }),
);

export const checkPlans: fc.Arbitrary<CheckPlan> = fc.record({
  category: fc.nat(5),
  level: fc.nat(3),
  filter: maybe(fc.nat(19)),
  campaign: fc.constantFrom(null, null, 0, 1),
  definition: fc.nat(1),
  settings,
  state: fc.constantFrom('ENABLED', 'ENABLED', 'ENABLED', 'DISABLED', 'UPCOMING', 'UPCOMING'),
  hours,
  passPending: fc.boolean(),
});

export type Step =
  | { kind: 'check'; at: number; plan: CheckPlan }
  | { kind: 'deleteCheck'; at: number }
  | { kind: 'service'; at: number; from: number }
  | { kind: 'filter'; at: number; from: number }
  | { kind: 'moveLevel'; from: number; to: number }
  | { kind: 'moveTier'; from: number }
  | { kind: 'team'; at: number; type: string | null; parent: number }
  | { kind: 'report'; check: number; service: number; status: 'PASSED' | 'FAILED' | 'PENDING'; hours: number | null }
  | { kind: 'schedule'; at: number; hours: number | null }
  | { kind: 'endCampaign'; at: number }
  | { kind: 'containerFilter'; at: number; filter: number | null }
  | { kind: 'time'; hours: number; isEvaluated: boolean };

const at = fc.nat(100);
const kind = <Kind extends string>(name: Kind) => fc.constant(name);

export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: kind('check'), at, plan: checkPlans }) },
  fc.record({ kind: kind('deleteCheck'), at }),
  { weight: 4, arbitrary: fc.record({ kind: kind('service'), at, from: at }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('filter'), at, from: at }) },
  fc.record({ kind: kind('moveLevel'), from: at, to: at }),
  fc.record({ kind: kind('moveTier'), from: at }),
  fc.record({ kind: kind('team'), at, type: contact, parent: at }),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('report'),
      check: at,
      service: at,
      status: fc.constantFrom('PASSED' as const, 'FAILED' as const, 'PENDING' as const),
      hours: maybe(hours),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind('schedule'), at, hours: maybe(fc.constantFrom(-1, 0, 1, 12, 24)) }),
  },
  fc.record({ kind: kind('endCampaign'), at }),
  fc.record({ kind: kind('containerFilter'), at, filter: maybe(fc.nat(19)) }),
  {
    weight: 6,
    arbitrary: fc.record({
      kind: kind('time'),
      hours,
      isEvaluated: fc.boolean(),
    }),
  },
);

const HOUR = 3_600_000;

type Given = Pick<Model, 'categories' | 'campaigns' | 'levelIds' | 'now'> & { world: World };

export function checkOf(
  { category, level, filter, campaign, definition, settings: given, state, hours, passPending }: CheckPlan,
  { world, categories, campaigns, levelIds, now }: Given,
  known?: NaiveCheck,
): NaiveCheck {
  const ids = (list: { id: string }[]): string[] => list.map(({ id }) => id);
  const pick = (list: string[], position: number): string => list[position % list.length] as string;
  return {
    id: known?.id ?? newId(),
    categoryId: pick(ids(categories), category),
    levelId: pick(levelIds, level),
    filterId: filter === null ? null : pick([...world.filters.keys()], filter),
    // A check remains in its campaign.
    campaignId: known ? known.campaignId : campaign === null ? null : pick(ids(campaigns), campaign),
    definitionId:
      given.type === 'SERVICE_PROPERTY' && given.property === null ? pick(world.definitions, definition) : null,
    settings: given,
    enabled: state === 'ENABLED',
    enableOn: state === 'UPCOMING' ? now + hours * HOUR : null,
    passPending,
  };
}
