import { canOnEvery } from '../../access/access.ts';
import { type Context, tenant } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { type Paged, pageOf } from '../../lib/paged.ts';
import { categories } from '../category/table.ts';
import { teams } from '../team/table.ts';
import { listNamedLevels } from './named-levels.ts';
import { findNextSteps, type NextSteps } from './next-steps.ts';
import {
  countByCategory,
  countByLevel,
  countByTeam,
  type Day,
  findDays,
  type Group,
  type ReportScope,
} from './services-report.ts';

/** Numbers of services, by level. */
export interface LevelNumbers {
  readonly services: number;
  /** In the order of the levels, lowest level first. */
  readonly byLevel: readonly number[];
  /** Services without a level. On earlier days, also those with a level that was deleted since. */
  readonly none: number;
}

/** The services of a team, a category or a scorecard. */
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
  /** The teams with the most services come first. Null in the report of one team, and if the caller cannot read teams. */
  readonly teams: Paged<NamedGroup> | null;
  /** Oldest day first. Null in the report of one team, and if some services are hidden from the caller. */
  readonly trend: readonly TrendDay[] | null;
  /** Null in the report of a team or scorecard, and if the caller cannot read checks. */
  readonly next: NextSteps | null;
}

export interface Wanted {
  readonly scope: ReportScope;
  /** The number of days of the trend, including today. */
  readonly days: number;
  /** The page of teams, from 1. */
  readonly page: number;
  readonly size: number;
}

/** The levels of the services for which the caller has `check_result:read`. */
export async function findMaturityReport(ctx: Context, { scope, days, page, size }: Wanted): Promise<MaturityReport> {
  const { access } = ctx.unit;
  const { scorecardId, team } = scope;
  const ordered = await listNamedLevels(ctx);
  const numbers = (group: Pick<Group, 'services' | 'levels'>): LevelNumbers => numbersOf(group, ordered);
  const [overall, byCategory, byTeam, trend, next] = await Promise.all([
    countByLevel(ctx, scope),
    access.can('category:read') ? countByCategory(ctx, scope) : null,
    !team && access.can('team:read') ? countByTeam(ctx, scope) : null,
    // The stored numbers count all services.
    !team && canOnEvery(access, 'check_result:read') ? listTrend(ctx, days, scorecardId) : null,
    !team && scorecardId === null && access.can('check:read') ? findNextSteps(ctx) : null,
  ]);
  const shown = byTeam && pageOf(byTeam, page, size);
  const [categoryNames, teamNames] = await Promise.all([
    findNames(ctx, categories, idsOf(byCategory)),
    findNames(ctx, teams, idsOf(shown?.items)),
  ]);
  const named = (group: Group, names: ReadonlyMap<string, string>): NamedGroup => ({
    id: group.id,
    name: names.get(group.id ?? '') ?? NO_TEAM,
    ...numbers(group),
  });
  return {
    levels: ordered.map(({ name }) => name),
    overall: numbers(overall),
    categories: byCategory?.map((group) => named(group, categoryNames)) ?? null,
    teams: shown && { ...shown, items: shown.items.map((group) => named(group, teamNames)) },
    trend: trend?.map((day) => ({ day: day.day, ...withLevels(numbers(day), scorecardId) })) ?? null,
    next,
  };
}

/** The name of the group of services without an owner. */
export const NO_TEAM = 'No team';

const idsOf = (groups: readonly { id: string | null }[] | null | undefined) => (groups ?? []).map(({ id }) => id);

const listTrend = async (ctx: Context, days: number, scorecardId: string | null): Promise<Day[]> => {
  const id = scorecardId ?? tenant(ctx);
  return (await findDays(ctx, days, [id])).get(id) ?? [];
};

/** The stored numbers of a scorecard include services that no check of the scorecard applies to. */
const withLevels = (numbers: LevelNumbers, scorecardId: string | null): LevelNumbers =>
  scorecardId === null ? numbers : { ...numbers, services: numbers.services - numbers.none, none: 0 };

export function numbersOf(group: Pick<Group, 'services' | 'levels'>, levels: readonly { id: string }[]): LevelNumbers {
  const counted = new Map(group.levels.map((one) => [one.levelId, one.services]));
  const byLevel = levels.map(({ id }) => counted.get(id) ?? 0);
  return { services: group.services, byLevel, none: group.services - byLevel.reduce((sum, one) => sum + one, 0) };
}
