import { sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows, readerOf } from '../../db/reader.ts';
import { categories } from '../category/table.ts';
import { checks } from '../check/table.ts';
import { statusOf } from '../check-result/status.ts';
import { type CheckStatus, checkResults } from '../check-result/table.ts';
import { levels } from '../level/table.ts';
import { type CountedResult, type Levels, levelsOf } from './levels.ts';

type ResultRow = typeof checkResults.$inferSelect;

/** A latest result with what its check says about it. */
export interface RatedResult extends CountedResult {
  readonly row: ResultRow;
  readonly status: CheckStatus;
}

/** The results of a service in the checks of the rubric or of a scorecard, and the levels that follow from them. */
export interface Maturity {
  /** The IDs of all levels in their order. */
  readonly levelIds: readonly string[];
  /** By the level of the check, then by the time of the result, newest first. */
  readonly results: readonly RatedResult[];
  readonly levels: Levels;
}

const reader = readerOf<ResultRow>(checkResults);

/** The maturity of a service in the rubric, or in the scorecard with this ID. */
export async function findMaturity(
  ctx: Context,
  serviceId: string,
  scorecardId: string | null = null,
): Promise<Maturity | null> {
  const rated = await findRated(ctx, serviceId);
  if (!rated) return null;
  const results = rated.results.filter((one) => one.scorecardId === scorecardId);
  return { levelIds: rated.levelIds, results, levels: levelsOf(results, rated.levelIds.length - 1) };
}

/** The results of services in the rubric and in all scorecards, with three statements for all services of a response. */
const findRated = batched<Omit<Maturity, 'levels'>>(async (ctx: Context, serviceIds) => {
  const tx = await db(ctx);
  const own = tenant(ctx);
  const latest = sql`${checkResults.organizationId} = ${own} and ${isAnyOf(checkResults.serviceId, serviceIds)} and ${checkResults.replacedAt} is null`;
  const [rows, ratings, ordered] = await Promise.all([
    reader.read(tx, sql`where ${latest} order by ${checkResults.createdAt} desc, ${checkResults.id} desc`),
    queryRows<Rating>(
      tx,
      // Results in campaigns affect no level.
      sql`select ${checks.id}, ${checks.categoryId} as category, ${categories.scorecardId} as scorecard, ${checks.levelId} as level,
        ${checks.passPending} as passes
        from ${checks} join ${categories} on ${categories.organizationId} = ${own} and ${categories.id} = ${checks.categoryId}
        where ${checks.organizationId} = ${own} and ${checks.campaignId} is null`,
    ),
    queryRows<{ id: string }>(
      tx,
      sql`select ${levels.id} from ${levels} where ${levels.organizationId} = ${own} order by ${levels.index}`,
    ),
  ]);
  const byCheck = new Map(ratings.map((rating) => [rating.id, rating]));
  const byService = Map.groupBy(rows, ({ serviceId }) => serviceId);
  const levelIds = ordered.map(({ id }) => id);
  const ratedOf = (id: string) => rate(byService.get(id) ?? [], byCheck, levelIds, ctx.dependencies.clock());
  return new Map(serviceIds.map((id) => [id, { levelIds, results: ratedOf(id) }]));
});

interface Rating {
  id: string;
  category: string;
  scorecard: string | null;
  level: string;
  passes: boolean;
}

function rate(
  rows: readonly ResultRow[],
  byCheck: ReadonlyMap<string, Rating>,
  levelIds: readonly string[],
  now: Date,
): RatedResult[] {
  const rated = rows.flatMap((row) => {
    const rating = byCheck.get(row.checkId);
    if (!rating) return [];
    const status = statusOf(row, now);
    const passed = status === 'PASSED' || (status === 'PENDING' && rating.passes);
    const level = levelIds.indexOf(rating.level);
    return [{ row, status, categoryId: rating.category, scorecardId: rating.scorecard, level, passed }];
  });
  return rated.sort((one, other) => one.level - other.level);
}

/** The position of the level after this one. Null after the last level. */
export const nextLevel = (level: number | null, { levelIds }: Maturity): number | null =>
  level === null || level + 1 >= levelIds.length ? null : level + 1;

/** The results that prevent a service from having the level: those that are not passed at it and below. */
export const missingFor = (level: number | null, results: readonly RatedResult[]): ResultRow[] =>
  level === null ? [] : results.filter((one) => !one.passed && one.level <= level).map(({ row }) => row);
