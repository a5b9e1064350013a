import { serviceOf } from '../../access/ownership.ts';
import { builder } from '../../graphql/builder.ts';
import { Level } from '../level/resource.ts';
import { Service } from '../service/resource.ts';
import { findScorecardLevels, type ScorecardLevel } from './levels.ts';
import { Scorecard } from './resource.ts';

/** Maximum number of scorecards that a service lists. */
const MAX_LISTED = 100;

const ServiceScorecard = builder.objectRef<ScorecardLevel>('ServiceScorecard').implement({
  description: 'The level of a service in a scorecard.',
  public: true,
  fields: (t) => ({
    scorecard: t.field({
      type: Scorecard.type,
      nullable: true,
      description: 'The scorecard. Null if it is not visible to the caller.',
      resolve: ({ scorecardId }, _args, ctx) => Scorecard.load(ctx, scorecardId),
    }),
    level: t.field({
      type: Level.type,
      nullable: true,
      description: 'The level at the last evaluation. Null if it is not visible to the caller.',
      resolve: ({ levelId }, _args, ctx) => Level.load(ctx, levelId),
    }),
  }),
});

builder.objectField(Service.type, 'scorecards', (t) =>
  t.field({
    type: [ServiceScorecard],
    nullable: true,
    permission: 'check_result:read',
    on: ({ ownerId }) => serviceOf(ownerId),
    description: `The levels of the service in the scorecards that have a check that applies to it, ordered by the name of the scorecard. At most ${MAX_LISTED}.`,
    complexity: { field: 1, multiplier: MAX_LISTED },
    resolve: async ({ id }, _args, ctx) => ((await findScorecardLevels(ctx, id)) ?? []).slice(0, MAX_LISTED),
  }),
);
