import { and, eq, type SQL, sql } from 'drizzle-orm';
import { type Context, tenant } from '../../context.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { builder } from '../../graphql/builder.ts';
import type { ListCondition } from '../../graphql/declaration.ts';
import { type GivenReference, referenceInputOf, refersTo } from '../../graphql/target.ts';
import { Level } from '../level/resource.ts';
import { scorecardLevels, services } from '../service/table.ts';
import { Scorecard } from './resource.ts';

interface GivenLevel {
  readonly scorecard: GivenReference;
  readonly level: GivenReference;
}

const ScorecardLevelFilter = builder.inputType('ScorecardLevelFilter', {
  description: 'A level in a scorecard.',
  fields: (t) => ({
    scorecard: t.field({
      type: referenceInputOf(Scorecard),
      required: true,
      visibleWith: 'scorecard:read',
      description: 'The scorecard.',
    }),
    level: t.field({
      type: referenceInputOf(Level),
      required: true,
      visibleWith: 'level:read',
      description: 'The level.',
    }),
  }),
});

/** A condition of lists of services. It matches only services on which the caller may see levels in scorecards. */
export const scorecardLevelCondition: ListCondition = {
  as: 'filter field',
  input: {
    type: ScorecardLevelFilter,
    visibleWith: 'check_result:read',
    description:
      'The level of the service in a scorecard, as in the field `scorecards`. A scorecard that is not visible to the caller matches no service.',
  },
  where: (ctx, { scorecard, level }: GivenLevel) => and(hasLevel(ctx, scorecard, level), readable(ctx)) as SQL,
  cost: () => 0,
};

function hasLevel(ctx: Context, scorecard: GivenReference, level: GivenReference): SQL {
  const { organizationId, serviceId, scorecardId, levelId } = scorecardLevels;
  const where = and(
    eq(organizationId, tenant(ctx)),
    refersTo(ctx, Scorecard, scorecardId, scorecard),
    refersTo(ctx, Level, levelId, level),
  );
  return sql`${services.id} in (select ${serviceId} from ${scorecardLevels} where ${where})`;
}

const readable = (ctx: Context): SQL | undefined => ownedBy(ctx, services.ownerId, 'check_result:read');
