import { canOnEvery } from '../../access/access.ts';
import { builder } from '../../graphql/builder.ts';
import { LIST_COST } from '../../graphql/cost.ts';
import { MAX_DAYS } from '../evaluation/services-report.ts';
import { CategoryReport, counts, DayReport, DEFAULT_DAYS } from '../evaluation/services-report-graphql.ts';
import { countInCategories, countInScorecard, listDays } from './report.ts';
import { Scorecard } from './resource.ts';

interface Report {
  readonly id: string;
  readonly services: number;
  readonly levels: readonly { levelId: string | null; services: number }[];
}

const ScorecardReport = builder.objectRef<Report>('ScorecardReport').implement({
  description:
    'The services to which at least one check of a scorecard applies, by their level in it. Counts only the services for which the caller has `check_result:read`.',
  public: true,
  fields: (t) => ({
    ...counts(t as never),
    categories: t.field({
      type: [CategoryReport],
      description:
        'The services by their level in each category of the scorecard. Omits categories without a check that applies to a service.',
      complexity: { field: 1, multiplier: LIST_COST },
      resolve: async ({ id }, _args, ctx) => (await countInCategories(ctx, id)) ?? [],
    }),
    history: t.field({
      type: [DayReport],
      nullable: true,
      args: {
        days: t.arg.int({
          defaultValue: DEFAULT_DAYS,
          description: `The number of days, including today, from 1 to ${MAX_DAYS}.`,
        }),
      },
      description:
        'The number of services of the organization at each level of the scorecard by day, oldest day first. The numbers of a day are the last ones that were stored on it. Services to which no check of the scorecard applies have no level. Null if the caller does not have `check_result:read` for all services.',
      complexity: ({ days }) => ({ field: 1, multiplier: Math.min(Math.max(days ?? DEFAULT_DAYS, 1), MAX_DAYS) }),
      resolve: ({ id }, { days }, ctx) =>
        // The stored numbers count all services.
        canOnEvery(ctx.unit.access, 'check_result:read') ? listDays(ctx, days ?? DEFAULT_DAYS, id) : null,
    }),
  }),
});

builder.objectField(Scorecard.type, 'servicesReport', (t) =>
  t.field({
    type: ScorecardReport,
    nullable: true,
    permission: 'check_result:read',
    onSome: true,
    description: 'The number of services at each level of the scorecard, now and by day.',
    resolve: async ({ id }, _args, ctx) => ({ services: 0, levels: [], ...(await countInScorecard(ctx, id)), id }),
  }),
);
