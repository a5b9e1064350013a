import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { z } from 'zod';
import { type Context, db, tenant } from '../../context.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { parse } from '../../lib/input.ts';
import { categories } from '../category/table.ts';
import { levels } from '../level/table.ts';
import { maturityHistory, scorecardLevels, serviceLevels, services } from '../service/table.ts';
import { dayOf, NO_LEVEL } from './history.ts';

/** The number of services at a level. `levelId` is null for services without a level. */
export interface LevelCount {
  readonly levelId: string | null;
  readonly services: number;
}

/** Services with the same team, tier or category. `id` is null for services without one, such as without an owner. */
export interface Group {
  readonly id: string | null;
  readonly services: number;
  readonly levels: readonly LevelCount[];
}

/** The services whose results the caller may read. Counts must not reveal others. */
export const readable = (ctx: Context): SQL =>
  and(eq(services.organizationId, tenant(ctx)), ownedBy(ctx, services.ownerId, 'check_result:read')) as SQL;

export interface Counted {
  id: string | null;
  level: string | null;
  services: number;
}

/** The groups with the most services first. */
export function groupsOf(rows: readonly Counted[]): Group[] {
  const groups = [...Map.groupBy(rows, ({ id }) => id)].map(([id, own]) => ({
    id,
    services: own.reduce((sum, row) => sum + row.services, 0),
    levels: own.map((row) => ({ levelId: row.level, services: row.services })),
  }));
  return groups.sort((one, other) => other.services - one.services);
}

/** By level, in the order of the levels. Those without a level come first. */
export const ORDER = sql`order by ${levels.index} nulls first`;

export const levelOf = (ctx: Context, column: SQL): SQL =>
  sql`left join ${levels} on ${levels.organizationId} = ${tenant(ctx)} and ${levels.id} = ${column}`;

/** What a report is about. */
export interface ReportScope {
  /** The scorecard in which services have their levels. Null for the rubric. */
  readonly scorecardId: string | null;
  /** The team whose services are counted. Its ID is null for services without an owner. Null for all services. */
  readonly team: { readonly id: string | null } | null;
}

/** All services and their levels in the rubric. */
export const RUBRIC: ReportScope = { scorecardId: null, team: null };

/** The column with the levels of the services of a scope, and their rows for FROM and WHERE. */
export function ratedServices(ctx: Context, scope: ReportScope): { level: PgColumn; from: SQL; where: SQL } {
  const where = and(readable(ctx), ownedByTeam(scope)) as SQL;
  const { organizationId, serviceId, scorecardId, levelId } = scorecardLevels;
  if (scope.scorecardId === null) return { level: services.levelId, from: sql`from ${services}`, where };
  return {
    level: levelId,
    from: sql`from ${scorecardLevels} join ${services} on ${services.id} = ${serviceId}`,
    where: and(eq(organizationId, tenant(ctx)), eq(scorecardId, scope.scorecardId), where) as SQL,
  };
}

const ownedByTeam = ({ team }: ReportScope): SQL | undefined =>
  team ? (team.id === null ? isNull(services.ownerId) : eq(services.ownerId, team.id)) : undefined;

/** The condition that a category belongs to the rubric or to the scorecard. */
export const categoryIn = ({ scorecardId }: ReportScope): SQL =>
  scorecardId === null ? isNull(categories.scorecardId) : eq(categories.scorecardId, scorecardId);

export async function countByLevel(ctx: Context, scope = RUBRIC): Promise<Group> {
  return (await countBy(ctx, sql`null::uuid`, scope))[0] ?? { id: null, services: 0, levels: [] };
}

export const countByTeam = (ctx: Context, scope = RUBRIC): Promise<Group[]> =>
  countBy(ctx, sql`${services.ownerId}`, scope);

export const countByTier = (ctx: Context): Promise<Group[]> => countBy(ctx, sql`${services.tierId}`, RUBRIC);

async function countBy(ctx: Context, id: SQL, scope: ReportScope): Promise<Group[]> {
  const { level, from, where } = ratedServices(ctx, scope);
  const counted = sql`select ${id} as id, ${level} as level, count(*)::int as services
    ${from} where ${where} group by 1, 2`;
  const rows = sql`select counted.* from (${counted}) as counted ${levelOf(ctx, sql`counted.level`)} ${ORDER}`;
  return groupsOf(await queryRows<Counted>(await db(ctx), rows));
}

/** By category. Only services to which a check of the category applies are counted. */
export async function countByCategory(ctx: Context, scope = RUBRIC): Promise<Group[]> {
  const counted = sql`select ${serviceLevels.categoryId} as id, ${serviceLevels.levelId} as level, count(*)::int as services
    from ${serviceLevels} join ${services} on ${services.id} = ${serviceLevels.serviceId}
    join ${categories} on ${categories.organizationId} = ${tenant(ctx)} and ${categories.id} = ${serviceLevels.categoryId}
    where ${and(eq(serviceLevels.organizationId, tenant(ctx)), categoryIn(scope), readable(ctx), ownedByTeam(scope))}
    group by 1, 2`;
  const rows = sql`select counted.* from (${counted}) as counted ${levelOf(ctx, sql`counted.level`)} ${ORDER}`;
  return groupsOf(await queryRows<Counted>(await db(ctx), rows));
}

/** The numbers of services on a day. */
export interface Day {
  readonly day: Date;
  readonly services: number;
  readonly levels: readonly LevelCount[];
}

export const MAX_DAYS = 366;
const schema = z.object({ days: z.int().min(1).max(MAX_DAYS) });

/**
 * The last days, oldest first, of the rubric or of a category. Today has the numbers of the last hour or of the last evaluation.
 * Days on which nothing was stored are omitted.
 */
export async function listDays(ctx: Context, days: number, categoryId: string | null): Promise<Day[]> {
  const id = categoryId ?? tenant(ctx);
  return (await findDays(ctx, days, [id])).get(id) ?? [];
}

/** The same of several sections: categories, scorecards, or the ID of the organization for the rubric. */
export async function findDays(
  ctx: Context,
  given: number,
  sectionIds: readonly string[],
): Promise<Map<string, Day[]>> {
  const { days } = parse(schema, { days: given });
  const first = dayOf(new Date(ctx.dependencies.clock().getTime() - (days - 1) * 86_400_000));
  const { organizationId, categoryId, day, services: numbers } = maturityHistory;
  const rows = await queryRows<StoredDay>(
    await db(ctx),
    sql`select ${categoryId} as section, ${day}, ${numbers} from ${maturityHistory}
      where ${organizationId} = ${tenant(ctx)} and ${isAnyOf(categoryId, sectionIds)} and ${day} >= ${first} order by ${day}`,
  );
  return new Map([...Map.groupBy(rows, ({ section }) => section)].map(([id, own]) => [id, own.map(dayIn)]));
}

interface StoredDay {
  section: string;
  day: string;
  services: Record<string, number> | string;
}

function dayIn({ day, services: stored }: StoredDay): Day {
  const numbers = (typeof stored === 'string' ? JSON.parse(stored) : stored) as Record<string, number>;
  const counts = Object.entries(numbers).map(([id, own]) => ({
    levelId: id === NO_LEVEL ? null : id,
    services: own,
  }));
  return {
    day: new Date(`${day}T00:00:00.000Z`),
    services: counts.reduce((sum, one) => sum + one.services, 0),
    levels: counts,
  };
}
