import { sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { scorecardLevels } from '../service/table.ts';
import { scorecards } from './table.ts';

/** The level of a service in a scorecard. */
export interface ScorecardLevel {
  readonly scorecardId: string;
  readonly levelId: string;
}

/** The levels of services by the name of the scorecard, with one statement for all services of a response. */
export const findScorecardLevels = batched<ScorecardLevel[]>(async (ctx: Context, serviceIds) => {
  const { organizationId, serviceId, scorecardId, levelId } = scorecardLevels;
  const rows = await queryRows<ScorecardLevel & { serviceId: string }>(
    await db(ctx),
    sql`select ${serviceId} as "serviceId", ${scorecardId} as "scorecardId", ${levelId} as "levelId" from ${scorecardLevels}
      join ${scorecards} on ${scorecards.organizationId} = ${tenant(ctx)} and ${scorecards.id} = ${scorecardId}
      where ${organizationId} = ${tenant(ctx)} and ${isAnyOf(serviceId, serviceIds)} order by ${scorecards.name}, ${scorecards.id}`,
  );
  return Map.groupBy(rows, (row) => row.serviceId);
});
