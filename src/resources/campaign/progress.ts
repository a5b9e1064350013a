import { and, asc, eq, gte } from 'drizzle-orm';
import { z } from 'zod';
import { serviceOf } from '../../access/ownership.ts';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { parse } from '../../lib/input.ts';
import { dayOf } from '../evaluation/history.ts';
import { scopeOf } from '../evaluation/scope.ts';
import { services } from '../service/table.ts';
import { countProgress, NO_TEAM } from './history.ts';
import { campaignHistory, type Progress } from './table.ts';

/** The services of a team. `teamId` is null for services without an owner. */
export interface TeamProgress extends Progress {
  readonly teamId: string | null;
}

/** The progress in the services that the caller may see: their sum, and by team. */
export interface ProgressByTeam extends Progress {
  readonly byTeam: readonly TeamProgress[];
}

export interface DayProgress extends ProgressByTeam {
  /** As `2026-01-31`. */
  readonly day: string;
}

export const [MAX_DAYS, DEFAULT_DAYS] = [366, 90];

const schema = z.object({ days: z.int().min(1).max(MAX_DAYS) });

/** The progress now, and at the end of each of the last days, oldest first. */
export async function findProgress(
  ctx: Context,
  campaignId: string,
  days = DEFAULT_DAYS,
): Promise<{ now: ProgressByTeam; days: DayProgress[] }> {
  const now = await findProgressNow(ctx, campaignId);
  return { now, days: await listProgressDays(ctx, campaignId, days) };
}

/** With one statement for all campaigns of a response. */
const countNow = batched<Readonly<Record<string, Progress>>>(async (ctx, ids) => {
  const which = ownedBy(ctx, services.ownerId, 'check_result:read');
  return await countProgress(await scopeOf(ctx), ids, which);
});

export const findProgressNow = async (ctx: Context, campaignId: string): Promise<ProgressByTeam> =>
  sumOf(ctx, (await countNow(ctx, campaignId)) ?? {});

/** The last days on which the campaign was in progress. Days on which nothing was stored are omitted. */
export async function listProgressDays(ctx: Context, campaignId: string, given: number): Promise<DayProgress[]> {
  const { days } = parse(schema, { days: given });
  const first = dayOf(new Date(ctx.dependencies.clock().getTime() - (days - 1) * 86_400_000));
  const { organizationId, day } = campaignHistory;
  const rows = await (await db(ctx))
    .select({ day, teams: campaignHistory.teams })
    .from(campaignHistory)
    .where(and(eq(organizationId, tenant(ctx)), eq(campaignHistory.campaignId, campaignId), gte(day, first)))
    .orderBy(asc(day));
  return rows.map((row) => ({ day: row.day, ...sumOf(ctx, row.teams) }));
}

const NONE: Progress = { services: 0, passingServices: 0, results: 0, passingResults: 0 };

/** The progress of the teams on whose services the caller may see results. Teams with the most services come first. */
function sumOf({ unit: { access } }: Context, teams: Readonly<Record<string, Progress>>): ProgressByTeam {
  const byTeam = Object.entries(teams)
    .map(([team, progress]): TeamProgress => ({ ...progress, teamId: team === NO_TEAM ? null : team }))
    .filter(({ teamId }) => access.can('check_result:read', serviceOf(teamId)))
    .sort((one, other) => other.services - one.services);
  return { ...byTeam.reduce(add, NONE), byTeam };
}

const add = (one: Progress, other: Progress): Progress => ({
  services: one.services + other.services,
  passingServices: one.passingServices + other.passingServices,
  results: one.results + other.results,
  passingResults: one.passingResults + other.passingResults,
});
