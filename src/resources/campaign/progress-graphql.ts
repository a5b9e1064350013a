import type { Context } from '../../context.ts';
import { builder, type SchemaTypes } from '../../graphql/builder.ts';
import type { MaybePromise } from '../../lib/maybe-promise.ts';
import { MAX_TEAMS, teamsIn } from '../evaluation/services-report-graphql.ts';
import { Team } from '../team/resource.ts';
import {
  type DayProgress,
  DEFAULT_DAYS,
  findProgressNow,
  listProgressDays,
  listTeamsOfDay,
  MAX_DAYS,
  type ProgressByTeam,
  type TeamProgress,
} from './progress.ts';
import { Campaign } from './resource.ts';
import type { CampaignRow } from './service.ts';
import type { Progress } from './table.ts';

const DEFAULT_TEAMS = 50;
/** Smaller, because a response can have many days. */
const DEFAULT_TEAMS_OF_DAY = 10;

type ProgressFields<Shape extends Progress> = PothosSchemaTypes.ObjectFieldBuilder<SchemaTypes, Shape>;

const counts = <Shape extends Progress>(t: ProgressFields<Shape>) => ({
  services: t.int({
    description: 'The number of services to which a check of the campaign applies.',
    resolve: ({ services }) => services,
  }),
  passingServices: t.int({
    description: 'The number of services that pass all checks that apply to them.',
    resolve: ({ passingServices }) => passingServices,
  }),
  results: t.int({
    description: 'The number of results: one for each check and each service that it applies to.',
    resolve: ({ results }) => results,
  }),
  passingResults: t.int({
    description:
      'The number of results that count as passed. A PENDING result does if `passPending` of its check is true.',
    resolve: ({ passingResults }) => passingResults,
  }),
});

const CampaignTeamProgress = builder.objectRef<TeamProgress>('CampaignTeamProgress').implement({
  description: 'The progress of a campaign for the services of a team, without those of its child teams.',
  public: true,
  fields: (t) => ({
    team: t.field({
      type: Team.type,
      nullable: true,
      description:
        'The team. Null for the services without an owner, if the team was deleted, or if it is not visible to the caller.',
      resolve: ({ teamId }, _args, ctx) => (teamId === null ? null : Team.load(ctx, teamId)),
    }),
    ...counts(t),
  }),
});

const teams = <Shape extends Progress>(
  t: ProgressFields<Shape>,
  defaultNumber: number,
  resolve: (parent: Shape, ctx: Context) => MaybePromise<readonly TeamProgress[]>,
) => ({
  teams: t.field({
    type: [CampaignTeamProgress],
    args: {
      first: t.arg.int({
        defaultValue: defaultNumber,
        description: `The maximum number of teams, from 1 to ${MAX_TEAMS}.`,
      }),
    },
    description: 'The progress of each team that owns such services. The teams with the most services come first.',
    complexity: ({ first }) => ({ field: 1, multiplier: teamsIn(first, defaultNumber) }),
    resolve: async (parent, { first }, ctx) =>
      (await resolve(parent as Shape, ctx)).slice(0, teamsIn(first, defaultNumber)),
  }),
});

const CampaignDay = builder.objectRef<DayProgress>('CampaignDay').implement({
  description: 'The progress of a campaign on a day.',
  public: true,
  fields: (t) => ({
    day: t.field({
      type: 'DateTime',
      description: 'The start of the day in UTC.',
      resolve: ({ day }) => new Date(`${day}T00:00:00.000Z`),
    }),
    ...counts(t),
    ...teams(t, DEFAULT_TEAMS_OF_DAY, (day, ctx) => listTeamsOfDay(ctx, day)),
  }),
});

interface CampaignProgressShape extends ProgressByTeam {
  readonly campaign: CampaignRow;
}

const CampaignProgress = builder.objectRef<CampaignProgressShape>('CampaignProgress').implement({
  description:
    'How many services pass the checks of a campaign. Counts only the services for which the caller has `check_result:read`.',
  public: true,
  fields: (t) => ({
    ...counts(t),
    ...teams(t, DEFAULT_TEAMS, ({ byTeam }) => byTeam),
    days: t.field({
      type: [CampaignDay],
      args: {
        days: t.arg.int({
          defaultValue: DEFAULT_DAYS,
          description: `The number of days, including today, from 1 to ${MAX_DAYS}.`,
        }),
      },
      description:
        'The progress by day, oldest day first. The numbers of a day are the last ones that were stored on it, usually in its last hour. Omits days before the start and after the end of the campaign.',
      complexity: ({ days }) => ({ field: 1, multiplier: Math.min(Math.max(days ?? DEFAULT_DAYS, 1), MAX_DAYS) }),
      resolve: ({ campaign: { id } }, { days }, ctx) => listProgressDays(ctx, id, days ?? DEFAULT_DAYS),
    }),
  }),
});

builder.objectField(Campaign.type, 'progress', (t) =>
  t.field({
    type: CampaignProgress,
    nullable: true,
    permission: 'check_result:read',
    onSome: true,
    description: 'The progress of the campaign, now and by day. All numbers are 0 before the start.',
    complexity: 20,
    resolve: async (campaign, _args, ctx) => ({ ...(await findProgressNow(ctx, campaign.id)), campaign }),
  }),
);
