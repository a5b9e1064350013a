import { canOnEvery } from '../../access/access.ts';
import { builder, type SchemaTypes } from '../../graphql/builder.ts';
import { LIST_COST } from '../../graphql/cost.ts';
import { referenceField } from '../../graphql/reference-field.ts';
import { canSee, type GivenReference, loadReferenced, referenceInputOf } from '../../graphql/target.ts';
import { Category } from '../category/resource.ts';
import { Level } from '../level/resource.ts';
import { Team } from '../team/resource.ts';
import { Tier } from '../tier/resource.ts';
import {
  countByCategory,
  countByLevel,
  countByTeam,
  countByTier,
  type Day,
  type Group,
  type LevelCount,
  listDays,
  MAX_DAYS,
} from './services-report.ts';

const LevelCountType = builder.objectRef<LevelCount>('LevelCount').implement({
  description: 'The number of services with a level.',
  public: true,
  fields: (t) => ({
    level: referenceField(
      t,
      Level,
      ({ levelId }) => levelId,
      'The level. Null for the services without a level, if the level was deleted, or if it is not visible to the caller.',
    ),
    hasLevel: t.boolean({
      description: 'Whether these services have a level. A service has none if no check applies to it.',
      resolve: ({ levelId }) => levelId !== null,
    }),
    services: t.exposeInt('services', { description: 'The number of services.' }),
  }),
});

export type GroupFields = PothosSchemaTypes.ObjectFieldBuilder<SchemaTypes, Group>;

export const counts = (t: GroupFields) => ({
  services: t.exposeInt('services', { description: 'The number of services.' }),
  levels: t.field({
    type: [LevelCountType],
    description: 'The services by their level, lowest level first. Levels without services are omitted.',
    resolve: ({ levels }) => [...levels],
  }),
});

const OverallReport = builder.objectRef<Group>('OverallReport').implement({
  description: 'The services by their overall level.',
  public: true,
  fields: (t) => counts(t),
});

export const CategoryReport = builder.objectRef<Group>('CategoryReport').implement({
  description: 'The services to which at least one check of a category applies.',
  public: true,
  fields: (t) => ({
    category: referenceField(t, Category, ({ id }) => id, 'The category. Null if it is not visible to the caller.'),
    ...counts(t),
  }),
});

const TeamReport = builder.objectRef<Group>('TeamReport').implement({
  description: 'The services of a team, without those of its child teams.',
  public: true,
  fields: (t) => ({
    team: referenceField(
      t,
      Team,
      ({ id }) => id,
      'The team. Null for the services without an owner, or if the team is not visible to the caller.',
    ),
    ...counts(t),
  }),
});

const TierReport = builder.objectRef<Group>('TierReport').implement({
  description: 'The services of a tier.',
  public: true,
  fields: (t) => ({
    tier: referenceField(
      t,
      Tier,
      ({ id }) => id,
      'The tier. Null for the services without a tier, or if the tier is not visible to the caller.',
    ),
    ...counts(t),
  }),
});

export const DayReport = builder.objectRef<Day>('MaturityDay').implement({
  description: 'The levels of the services on a day.',
  public: true,
  fields: (t) => ({
    day: t.expose('day', { type: 'DateTime', description: 'When the day begins, in UTC.' }),
    services: t.exposeInt('services', { description: 'The number of services.' }),
    levels: t.field({
      type: [LevelCountType],
      description: 'The services by their level on that day. Levels without services are omitted.',
      resolve: ({ levels }) => [...levels],
    }),
  }),
});

const DEFAULT_TEAMS = 50;
export const MAX_TEAMS = 500;
export const DEFAULT_DAYS = 30;

const ServicesReport = builder.objectRef<Record<never, never>>('ServicesReport').implement({
  description:
    'The number of services at each level. Counts only the services for which the caller has `check_result:read`.',
  public: true,
  fields: (t) => ({
    overall: t.field({
      type: OverallReport,
      description: 'All services, by their overall level.',
      resolve: (_report, _args, ctx) => countByLevel(ctx),
    }),
    categories: t.field({
      type: [CategoryReport],
      description: 'The services by their level in each category in which a check applies to a service.',
      complexity: { field: 1, multiplier: LIST_COST },
      resolve: (_report, _args, ctx) => countByCategory(ctx),
    }),
    teams: t.field({
      type: [TeamReport],
      args: {
        first: t.arg.int({
          defaultValue: DEFAULT_TEAMS,
          description: `The maximum number of teams, from 1 to ${MAX_TEAMS}.`,
        }),
      },
      description: 'The services by the team that owns them. The teams with the most services come first.',
      complexity: ({ first }) => ({ field: 1, multiplier: teamsIn(first, DEFAULT_TEAMS) }),
      resolve: async (_report, { first }, ctx) => (await countByTeam(ctx)).slice(0, teamsIn(first, DEFAULT_TEAMS)),
    }),
    tiers: t.field({
      type: [TierReport],
      description: 'The services by their tier. The tiers with the most services come first.',
      complexity: { field: 1, multiplier: LIST_COST },
      resolve: (_report, _args, ctx) => countByTier(ctx),
    }),
    history: t.field({
      type: [DayReport],
      nullable: true,
      args: {
        days: t.arg.int({
          defaultValue: DEFAULT_DAYS,
          description: `The number of days, including today, from 1 to ${MAX_DAYS}.`,
        }),
        category: t.arg({
          type: referenceInputOf(Category),
          visibleWith: Category.permission,
          description: 'Counts the levels in this category. Defaults to the overall levels.',
        }),
      },
      description:
        'The number of services at each level by day, oldest day first. The numbers of a day are the last ones that were stored on it, usually in its last hour. A day without stored numbers is omitted, for example if there were no services. Null if the category does not exist or is not visible to the caller, or if the caller does not have `check_result:read` for all services.',
      complexity: ({ days }) => ({ field: 1, multiplier: Math.min(Math.max(days ?? DEFAULT_DAYS, 1), MAX_DAYS) }),
      resolve: async (_report, { days, category }, ctx) => {
        // The stored numbers count all services.
        if (!canOnEvery(ctx.unit.access, 'check_result:read')) return null;
        const found = category ? await loadReferenced(ctx, Category, category as GivenReference) : null;
        if (category && !(found && canSee(ctx, Category, found))) return null;
        return await listDays(ctx, days ?? DEFAULT_DAYS, found?.id ?? null);
      },
    }),
  }),
});

/** The number of teams that a report lists. */
export const teamsIn = (first: number | null | undefined, defaultNumber: number): number =>
  Math.min(Math.max(first ?? defaultNumber, 1), MAX_TEAMS);

builder.queryField('servicesReport', (t) =>
  t.field({
    type: ServicesReport,
    nullable: true,
    permission: 'check_result:read',
    onSome: true,
    description: 'The number of services of the organization at each level, now and by day.',
    resolve: () => ({}),
  }),
);
