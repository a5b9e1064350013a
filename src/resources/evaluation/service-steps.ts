import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { before, type Paged } from '../../lib/paged.ts';
import { categories } from '../category/table.ts';
import { checks } from '../check/table.ts';
import { isPassed } from '../check-result/passed.ts';
import { checkResults } from '../check-result/table.ts';
import { levels } from '../level/table.ts';
import { services } from '../service/table.ts';
import { teams } from '../team/table.ts';
import { listNamedLevels } from './named-levels.ts';
import { categoryIn, type ReportScope, ratedServices } from './services-report.ts';

/** A check that a service must pass for its next level. */
export interface ServiceStep {
  /** Null if the check is not visible to the caller. */
  readonly check: string | null;
  /** Null if the category is not visible to the caller. */
  readonly category: string | null;
  /** The position of the level of the check, from 0. */
  readonly level: number;
}

/** A service with its level, and with the checks that it must pass for the next level. */
export interface RatedService {
  readonly name: string;
  /** Null also if the team is not visible to the caller. */
  readonly team: string | null;
  /** The position of its level, from 0. Null if no check applies to the service. */
  readonly level: number | null;
  /** The number of checks that it must pass for its next level. */
  readonly missing: number;
  /** The first of them, lowest level first. */
  readonly steps: readonly ServiceStep[];
}

/** The services whose names and results the caller may read. */
function visible(ctx: Context, scope: ReportScope): ReturnType<typeof ratedServices> {
  const { where, ...rest } = ratedServices(ctx, scope);
  return { ...rest, where: and(where, ownedBy(ctx, services.ownerId, 'service:read')) as SQL };
}

/** The IDs of services: those with the lowest level first, and those without a level last. */
async function findIds(ctx: Context, scope: ReportScope, bounds: SQL): Promise<{ id: string; total: number }[]> {
  const { level, from, where } = visible(ctx, scope);
  return await queryRows(
    await db(ctx),
    sql`select ${services.id}, (count(*) over ())::int as total ${from}
      left join ${levels} on ${levels.organizationId} = ${tenant(ctx)} and ${levels.id} = ${level}
      where ${where} order by ${levels.index} nulls last, lower(${services.name}), ${services.id} ${bounds}`,
  );
}

/** The IDs of all services of the scope. */
export const listRatedIds = async (ctx: Context, scope: ReportScope): Promise<string[]> =>
  (await findIds(ctx, scope, sql``)).map(({ id }) => id);

/** Maximum number of checks of one service in a list of services. */
const STEPS = 5;

/** A page of the services of the scope. */
export async function listRated(
  ctx: Context,
  scope: ReportScope,
  { page, size }: { page: number; size: number },
): Promise<Paged<RatedService>> {
  const rows = await findIds(ctx, scope, sql`limit ${size} offset ${before(page, size)}`);
  const ids = rows.map(({ id }) => id);
  // A page after the last one has no rows, so the total is not known there.
  return { items: await readRated(ctx, scope, ids, STEPS), page, size, total: rows[0]?.total ?? 0 };
}

interface Row {
  id: string;
  name: string;
  owner: string | null;
  level: string | null;
}

/** The services with these IDs, in the same order. Services that are no longer visible to the caller are omitted. */
export async function readRated(
  ctx: Context,
  scope: ReportScope,
  ids: readonly string[],
  steps: number,
): Promise<RatedService[]> {
  if (ids.length === 0) return [];
  const { access } = ctx.unit;
  const { level, from, where } = visible(ctx, scope);
  const rows = await queryRows<Row>(
    await db(ctx),
    sql`select ${services.id}, ${services.name}, ${services.ownerId} as owner, ${level} as level
      ${from} where ${where} and ${isAnyOf(services.id, ids)}`,
  );
  const missing = await findMissing(ctx, scope, ids, steps);
  const owners = rows.map(({ owner }) => owner);
  const [ordered, categoryNames, teamNames] = await Promise.all([
    listNamedLevels(ctx),
    access.can('category:read')
      ? findNames(
          ctx,
          categories,
          missing.map((one) => one.category),
        )
      : null,
    access.can('team:read') ? findNames(ctx, teams, owners) : null,
  ]);
  const positions = new Map(ordered.map(({ id }, at) => [id, at]));
  const byId = new Map(rows.map((row) => [row.id, row]));
  const byService = Map.groupBy(missing, ({ serviceId }) => serviceId);
  const ratedOf = ({ id, name, owner, level: own }: Row): RatedService => {
    const found = byService.get(id) ?? [];
    return {
      name,
      team: teamNames?.get(owner ?? '') ?? null,
      level: positions.get(own ?? '') ?? null,
      missing: found[0]?.ofService ?? 0,
      steps: found.map((one) => ({
        check: access.can('check:read') ? one.check : null,
        category: categoryNames?.get(one.category) ?? null,
        level: positions.get(one.level) ?? 0,
      })),
    };
  };
  return ids.flatMap((id) => byId.get(id) ?? []).map(ratedOf);
}

interface Missing {
  serviceId: string;
  check: string;
  category: string;
  level: string;
  /** The number of checks that the service needs. */
  ofService: number;
}

/** The checks that these services need for their next level: those up to that level that they do not pass. */
async function findMissing(
  ctx: Context,
  scope: ReportScope,
  ids: readonly string[],
  atMost: number,
): Promise<Missing[]> {
  const own = tenant(ctx);
  const { level, from, where } = visible(ctx, scope);
  const reached = sql`select ${services.id} as id, ${levels.index} as position ${from}
    join ${levels} on ${levels.organizationId} = ${own} and ${levels.id} = ${level}
    where ${where} and ${isAnyOf(services.id, ids)}`;
  const rated = and(eq(checks.organizationId, own), isNull(checks.campaignId), categoryIn(scope));
  const order = sql`${levels.index}, lower(${checks.name}), ${checks.id}`;
  return await queryRows<Missing>(
    await db(ctx),
    sql`select one.* from (
        select reached.id as "serviceId", ${checks.name} as check, ${checks.categoryId} as category, ${checks.levelId} as level,
          count(*) over (partition by reached.id)::int as "ofService",
          row_number() over (partition by reached.id order by ${order}) as position
        from ${checks} join ${categories} on ${categories.organizationId} = ${own} and ${categories.id} = ${checks.categoryId}
        join ${levels} on ${levels.organizationId} = ${own} and ${levels.id} = ${checks.levelId}
        join ${checkResults} on ${checkResults.organizationId} = ${own} and ${checkResults.checkId} = ${checks.id}
          and ${checkResults.replacedAt} is null and ${isAnyOf(checkResults.serviceId, ids)}
        join (${reached}) as reached on reached.id = ${checkResults.serviceId}
        where ${rated} and ${levels.index} <= reached.position + 1 and not ${isPassed(ctx.dependencies.clock())}
      ) as one where one.position <= ${atMost} order by one."serviceId", one.position`,
  );
}
