import type { Context } from '../../context.ts';
import type { GivenInput } from '../../data/hooks.ts';
import {
  alias,
  boolean,
  dateTime,
  multiLine,
  oneOf,
  optionalRef,
  readOnly,
  ref,
  singleLine,
} from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { resource } from '../../graphql/resource.ts';
import { Campaign } from '../campaign/resource.ts';
import { Category } from '../category/resource.ts';
import { type CheckStats as CheckStatsShape, findStats } from '../check-result/stats.ts';
import { Filter } from '../filter/resource.ts';
import { Level } from '../level/resource.ts';
import { memberTarget } from '../member/graphql.ts';
import { Team } from '../team/resource.ts';
import { checkConditions } from './conditions-graphql.ts';
import type { RuleProblems } from './event-rules.ts';
import { prepareRules } from './prepare-rules-graphql.ts';
import { checkHooks } from './service.ts';
import { checkSettings } from './settings-graphql.ts';
import { enabledIs, isEnabled, stateIs, stateOf } from './state.ts';
import { CHECK_TYPES, checks } from './table.ts';

const CheckType = builder.enumType('CheckType', {
  description: 'How the result of a check is determined.',
  values: {
    MANUAL: { description: 'A person or a program reports the result.' },
    HAS_OWNER: { description: 'Passes if a team owns the service.' },
    SERVICE_PROPERTY: { description: 'Passes if a property of the service has a value that meets a condition.' },
    TAG_DEFINED: { description: 'Passes if the service has a tag.' },
    LINK: { description: 'Passes if the service has a link.' },
    HAS_DEPENDENCY: { description: 'Passes if the service depends on another service.' },
    RECENT_DEPLOY: { description: 'Passes if the last deploy of the service is recent.' },
    CUSTOM_EVENT: {
      description: 'The last event about the service that an integration received determines the result.',
    },
  } as const,
});

const CheckState = builder.enumType('CheckState', {
  description: 'Whether a check counts.',
  values: {
    ENABLED: { description: 'The check counts.' },
    UPCOMING: { description: 'The check counts from the time `enableOn`, which is in the future.' },
    DISABLED: { description: 'The check does not count.' },
  } as const,
});

const CheckStats = builder.objectRef<CheckStatsShape>('CheckStats').implement({
  description: 'The number of services that a check applies to, by their latest result.',
  public: true,
  fields: (t) => ({
    passed: t.int({ description: 'Services that passed.', resolve: ({ PASSED }) => PASSED }),
    failed: t.int({ description: 'Services that failed.', resolve: ({ FAILED }) => FAILED }),
    pending: t.int({ description: 'Services whose result is pending.', resolve: ({ PENDING }) => PENDING }),
  }),
});

export const Check = resource('Check', {
  table: checks,
  id: 'chk',
  permission: 'check',
  plural: 'checks',
  description:
    'A requirement for services. Each check belongs to one category, of the rubric or of a scorecard, and to one level.',
  attributes: {
    name: singleLine(200, 'The name of the check'),
    alias: alias('The short name of the check, for use in code'),
    notes: multiLine(20_000, 'Why the check exists and how to pass it, as Markdown. Sanitize it before you render it'),
    type: readOnly(oneOf(CheckType, CHECK_TYPES, 'How the result is determined')),
    settings: checkSettings,
    categoryId: ref(
      Category,
      'The category of the check. A check of a category of a scorecard belongs to the scorecard: it applies only to services that the scorecard applies to, and it does not affect their levels in the rubric',
    ),
    levelId: ref(Level, 'The level of the check'),
    filterId: optionalRef(
      Filter,
      'The filter that selects the services that the check applies to. Without it, the check applies to all services',
    ),
    ownerId: optionalRef(memberTarget, 'The member who is responsible for the check', {
      reverse: 'ownedChecks',
      onDelete: 'clear',
    }),
    teamId: optionalRef(Team, 'The team that is responsible for the check'),
    campaignId: readOnly(
      optionalRef(Campaign, 'The campaign that the check belongs to. Such a check does not affect levels', {
        onDelete: 'hook',
      }),
    ),
    sourceCheckId: readOnly(
      optionalRef('self', 'The check that this check of a campaign was copied from, until that check is deleted', {
        reverse: 'copies',
        listsAll: true,
        onDelete: 'hook',
      }),
    ),
    passPending: boolean('Whether a pending result counts as passed. Otherwise it counts as failed', false),
    enabled: boolean(
      'Whether the check is enabled. Services must pass only enabled checks',
      'Defaults to true, or to false if `enableOn` is given.',
    ),
    enableOn: dateTime('When the check becomes enabled', 'Cannot be combined with `enabled: true`.'),
  },
  computed: {
    enabled: {
      type: 'Boolean',
      description:
        'Whether the check is enabled. Becomes true at the time `enableOn`. Services must pass only enabled checks.',
      columns: ['enabled', 'enableOn'],
      value: isEnabled,
      filter: enabledIs,
    },
    state: {
      type: CheckState,
      description: 'Whether the check counts. It applies to services only while it is enabled.',
      columns: ['enabled', 'enableOn'],
      value: stateOf,
      filter: stateIs,
    },
  },
  fields: (t) => ({
    stats: t.field({
      type: CheckStats,
      nullable: true,
      permission: 'check_result:read',
      onSome: true,
      description:
        'The number of services by their latest result of the check. All numbers are 0 while the check is not enabled.',
      resolve: ({ id }, _args, ctx) => findStats(ctx, id),
    }),
  }),
  filter: {
    type: true,
    categoryId: true,
    levelId: true,
    filterId: true,
    ownerId: true,
    teamId: true,
    campaignId: 'null by default',
    search: ['name'],
    createdAt: 'range',
    updatedAt: 'range',
  },
  conditions: checkConditions,
  order: ['name', 'createdAt', 'updatedAt'],
  bulk: ['create'],
  hooks: {
    ...checkHooks,
    prepare: (ctx: Context, inputs: readonly GivenInput[]): Promise<RuleProblems> => prepareRules(ctx, Check, inputs),
  },
});
