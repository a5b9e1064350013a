import { and, eq, type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { categories } from '../category/table.ts';
import {
  type Counted,
  type Day,
  findDays,
  type Group,
  groupsOf,
  levelOf,
  ORDER,
  readable,
} from '../evaluation/services-report.ts';
import { scorecardLevels, serviceLevels, services } from '../service/table.ts';

/** Services by level, counted by the ID in a column. Only services whose results the caller may read. */
async function count<Row extends Counted>(
  ctx: Context,
  table: typeof scorecardLevels | typeof serviceLevels,
  select: SQL,
  from: SQL,
): Promise<Row[]> {
  const own = and(eq(table.organizationId, tenant(ctx)), readable(ctx));
  const counted = sql`select ${select}, ${table.levelId} as level, count(*)::int as services from ${table}
    join ${services} on ${services.id} = ${table.serviceId} ${from} and ${own} group by 1, 2, 3`;
  const rows = sql`select counted.* from (${counted}) as counted ${levelOf(ctx, sql`counted.level`)} ${ORDER}`;
  return await queryRows<Row>(await db(ctx), rows);
}

/** The services by their level in each scorecard. */
export const countInScorecard = batched<Group>(async (ctx, scorecardIds) => {
  const { scorecardId } = scorecardLevels;
  const where = sql`where ${isAnyOf(scorecardId, scorecardIds)}`;
  const rows = await count(ctx, scorecardLevels, sql`${scorecardId} as id, ${scorecardId} as scorecard`, where);
  return new Map(groupsOf(rows).map((group) => [group.id as string, group]));
});

/** The services by their level in each category of each scorecard. */
export const countInCategories = batched<Group[]>(async (ctx, scorecardIds) => {
  const { id, scorecardId, organizationId } = categories;
  const rows = await count<Counted & { scorecard: string }>(
    ctx,
    serviceLevels,
    sql`${serviceLevels.categoryId} as id, ${scorecardId} as scorecard`,
    sql`join ${categories} on ${organizationId} = ${tenant(ctx)} and ${id} = ${serviceLevels.categoryId}
      where ${isAnyOf(scorecardId, scorecardIds)}`,
  );
  return new Map([...Map.groupBy(rows, ({ scorecard }) => scorecard)].map(([one, own]) => [one, groupsOf(own)]));
});

/** The levels of all services in a scorecard on the last days. */
export const listDays = async (ctx: Context, days: number, scorecardId: string): Promise<Day[]> =>
  (await daysOf(ctx, `${days} ${scorecardId}`)) ?? [];

/** By the number of days and the ID of the scorecard. */
const daysOf = batched<Day[]>(async (ctx, keys) => {
  const asked = keys.map((key) => key.split(' ') as [days: string, id: string]);
  const found = [...Map.groupBy(asked, ([days]) => days)].map(async ([days, of]) => {
    const ids = of.map(([, id]) => id);
    const byId = await findDays(ctx, Number(days), ids);
    return [...byId].map(([id, own]) => [`${days} ${id}`, own] as const);
  });
  return new Map((await Promise.all(found)).flat());
});
