import { sql } from 'drizzle-orm';
import { canOnEvery } from '../../access/access.ts';
import { type Context, db, tenant } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { queryRows } from '../../db/reader.ts';
import { type Paged, pageOf } from '../../lib/paged.ts';
import { categories } from '../category/table.ts';
import { levels } from '../level/table.ts';
import { teams } from '../team/table.ts';
import { findNextSteps, type NextSteps } from './next-steps.ts';
import { countByCategory, countByLevel, countByTeam, type Group, listDays } from './services-report.ts';

/** Numbers of services, by level. */
export interface LevelNumbers {
  readonly services: number;
  /** In the order of the levels, lowest level first. */
  readonly byLevel: readonly number[];
  /** Services without a level. On earlier days, also those with a level that was deleted since. */
  readonly none: number;
}

/** Services with the same team or category. */
export interface NamedGroup extends LevelNumbers {
  /** Null for services without one. */
  readonly id: string | null;
  readonly name: string;
}

export interface TrendDay extends LevelNumbers {
  readonly day: Date;
}

export interface MaturityReport {
  /** The names of the levels, lowest level first. */
  readonly levels: readonly string[];
  readonly overall: LevelNumbers;
  /** The categories with the most services come first. Null if the caller cannot read categories. */
  readonly categories: readonly NamedGroup[] | null;
  /** The teams with the most services come first. Null if the caller cannot read teams. */
  readonly teams: Paged<NamedGroup> | null;
  /** Oldest day first. Null if some services are hidden from the caller. */
  readonly trend: readonly TrendDay[] | null;
  /** Null if the caller cannot read checks. */
  readonly next: NextSteps | null;
}

export interface Wanted {
  /** The number of days of the trend, including today. */
  readonly days: number;
  /** The page of teams, from 1. */
  readonly page: number;
  readonly size: number;
}

/** The levels of the services for which the caller has `check_result:read`. */
export async function findMaturityReport(ctx: Context, { days, page, size }: Wanted): Promise<MaturityReport> {
  const { access } = ctx.unit;
  const ordered = await listLevels(ctx);
  const levelIds = ordered.map(({ id }) => id);
  const [overall, byCategory, byTeam, trend, next] = await Promise.all([
    countByLevel(ctx),
    access.can('category:read') ? countByCategory(ctx) : null,
    access.can('team:read') ? countByTeam(ctx) : null,
    // The stored numbers count all services.
    canOnEvery(access, 'check_result:read') ? listDays(ctx, days, null) : null,
    access.can('check:read') ? findNextSteps(ctx) : null,
  ]);
  const shown = byTeam && pageOf(byTeam, page, size);
  const [categoryNames, teamNames] = await Promise.all([
    findNames(
      ctx,
      categories,
      (byCategory ?? []).map(({ id }) => id),
    ),
    findNames(
      ctx,
      teams,
      (shown?.items ?? []).map(({ id }) => id),
    ),
  ]);
  const named = (group: Group, names: ReadonlyMap<string, string>): NamedGroup => ({
    id: group.id,
    name: names.get(group.id ?? '') ?? 'No team',
    ...numbersOf(group, levelIds),
  });
  return {
    levels: ordered.map(({ name }, at) => (access.can('level:read') ? name : `Level ${at + 1}`)),
    overall: numbersOf(overall, levelIds),
    categories: byCategory?.map((group) => named(group, categoryNames)) ?? null,
    teams: shown && { ...shown, items: shown.items.map((group) => named(group, teamNames)) },
    trend: trend?.map((day) => ({ day: day.day, ...numbersOf(day, levelIds) })) ?? null,
    next,
  };
}

async function listLevels(ctx: Context): Promise<{ id: string; name: string }[]> {
  return await queryRows(
    await db(ctx),
    sql`select ${levels.id}, ${levels.name} from ${levels}
      where ${levels.organizationId} = ${tenant(ctx)} order by ${levels.index}`,
  );
}

function numbersOf(group: Pick<Group, 'services' | 'levels'>, levelIds: readonly string[]): LevelNumbers {
  const counted = new Map(group.levels.map((one) => [one.levelId, one.services]));
  const byLevel = levelIds.map((id) => counted.get(id) ?? 0);
  return { services: group.services, byLevel, none: group.services - byLevel.reduce((sum, one) => sum + one, 0) };
}
