import { and, asc, eq, gte, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { canOnEvery } from '../../access/access.ts';
import { NO_TEAMS, OWN_SERVICE, serviceOf } from '../../access/ownership.ts';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { arrayParam, isAnyOf } from '../../db/array.ts';
import { parse } from '../../lib/input.ts';
import { dayOf } from '../evaluation/history.ts';
import { scopeOf } from '../evaluation/scope.ts';
import { services } from '../service/table.ts';
import { countProgress, NO_TEAM } from './history.ts';
import { campaignHistory, NO_PROGRESS, type Progress, sumOf } from './table.ts';

/** The services of a team. `teamId` is null for services without an owner. */
export interface TeamProgress extends Progress {
  readonly teamId: string | null;
}

/** The progress in the services that the caller may see: their sum, and by team. */
export interface ProgressByTeam extends Progress {
  readonly byTeam: readonly TeamProgress[];
}

/** The progress of a day in the services that the caller may see. */
export interface DayProgress extends Progress {
  readonly campaignId: string;
  /** As `2026-01-31`. */
  readonly day: string;
}

export const [MAX_DAYS, DEFAULT_DAYS] = [366, 90];

const schema = z.object({ days: z.int().min(1).max(MAX_DAYS) });

const DAY = 86_400_000;
const PERMISSION = 'check_result:read';

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
  const which = ownedBy(ctx, services.ownerId, PERMISSION);
  return await countProgress(await scopeOf(ctx), ids, which);
});

export async function findProgressNow(ctx: Context, campaignId: string): Promise<ProgressByTeam> {
  const byTeam = visibleTeams(ctx, (await countNow(ctx, campaignId)) ?? {});
  return { ...sumOf(byTeam), byTeam };
}

/** The last days on which the campaign was in progress. Days on which nothing was stored are omitted. */
export async function listProgressDays(ctx: Context, campaignId: string, given: number): Promise<DayProgress[]> {
  const { days } = parse(schema, { days: given });
  return (await daysOf(ctx, `${days} ${campaignId}`)) ?? [];
}

/** By the number of days and the ID of the campaign, with one statement for all fields of a response. */
const daysOf = batched<DayProgress[]>(async (ctx, keys) => {
  const asked = keys.map((key) => {
    const [days, id = ''] = key.split(' ');
    return { key, id, first: dayOf(new Date(ctx.dependencies.clock().getTime() - (Number(days) - 1) * DAY)) };
  });
  const earliest = asked.map(({ first }) => first).sort()[0] ?? '';
  const ids = new Set(asked.map(({ id }) => id));
  const { campaignId, day } = campaignHistory;
  const rows = await readDays(ctx, and(isAnyOf(campaignId, ids), gte(day, earliest)));
  const byCampaign = Map.groupBy(rows, (row) => row.campaignId);
  return new Map(
    asked.map(({ key, id, first }) => [key, (byCampaign.get(id) ?? []).filter((row) => row.day >= first)]),
  );
});

/** The last stored progress of these campaigns by ID, at most an hour old while a campaign is in progress. */
export async function findLastProgress(ctx: Context, ids: readonly string[]): Promise<ReadonlyMap<string, Progress>> {
  const { organizationId, campaignId, day } = campaignHistory;
  const last = sql`(${campaignId}, ${day}) in (select ${campaignId}, max(${day}) from ${campaignHistory}
    where ${organizationId} = ${tenant(ctx)} and ${isAnyOf(campaignId, ids)} group by 1)`;
  return new Map((await readDays(ctx, last)).map((row) => [row.campaignId, row]));
}

/** The progress in the services that the caller may see on the days that meet the condition, oldest first. */
async function readDays(ctx: Context, condition: SQL | undefined): Promise<DayProgress[]> {
  const { organizationId, campaignId, day, total, teams } = campaignHistory;
  const own = ownTeams(ctx);
  const ofOwn =
    sql`(select jsonb_object_agg(team, ${teams} -> team) from unnest(${arrayParam(own)}::text[]) as own(team)
    where ${teams} -> team is not null)`.mapWith(teams);
  const rows = await (await db(ctx))
    .select({ campaignId, day, total, ofOwn: own.length > 0 ? ofOwn : sql<null>`null` })
    .from(campaignHistory)
    .where(and(eq(organizationId, tenant(ctx)), condition))
    .orderBy(asc(day));
  return rows.map((row) => ({ campaignId: row.campaignId, day: row.day, ...visiblePart(ctx, row.total, row.ofOwn) }));
}

/** The teams whose services the caller may see otherwise than those of other teams. */
const ownTeams = ({ unit: { access } }: Context): string[] =>
  canOnEvery(access, PERMISSION) ? [] : [...(access.effective?.grants.teams ?? NO_TEAMS)];

/** The progress in the visible services, from that of all teams and that of the teams of the caller. */
function visiblePart(
  { unit: { access } }: Context,
  total: Progress,
  ofOwn: Readonly<Record<string, Progress>> | null,
): Progress {
  const own = sumOf(Object.values(ofOwn ?? {}));
  if (canOnEvery(access, PERMISSION)) return total;
  if (access.can(PERMISSION)) return without(total, own);
  return access.can(PERMISSION, OWN_SERVICE) ? own : NO_PROGRESS;
}

const without = (total: Progress, part: Progress): Progress => ({
  services: total.services - part.services,
  passingServices: total.passingServices - part.passingServices,
  results: total.results - part.results,
  passingResults: total.passingResults - part.passingResults,
});

/** The progress of a day by team. Teams with the most services come first. */
export const listTeamsOfDay = async (ctx: Context, { campaignId, day }: DayProgress): Promise<TeamProgress[]> =>
  (await teamsOfDays(ctx, `${day} ${campaignId}`)) ?? [];

/** By the day and the ID of the campaign. */
const teamsOfDays = batched<TeamProgress[]>(async (ctx, keys) => {
  const { organizationId, campaignId, day, teams } = campaignHistory;
  const asked = keys.map((key) => key.split(' ') as [day: string, id: string]);
  const rows = await (await db(ctx))
    .select({ campaignId, day, teams })
    .from(campaignHistory)
    .where(
      and(
        eq(organizationId, tenant(ctx)),
        isAnyOf(campaignId, new Set(asked.map(([, id]) => id))),
        isAnyOf(day, new Set(asked.map(([own]) => own))),
      ),
    );
  return new Map(rows.map((row) => [`${row.day} ${row.campaignId}`, visibleTeams(ctx, row.teams)]));
});

/** The progress of the teams on whose services the caller may see results. Teams with the most services come first. */
const visibleTeams = ({ unit: { access } }: Context, teams: Readonly<Record<string, Progress>>): TeamProgress[] =>
  Object.entries(teams)
    .map(([team, progress]): TeamProgress => ({ ...progress, teamId: team === NO_TEAM ? null : team }))
    .filter(({ teamId }) => access.can(PERMISSION, serviceOf(teamId)))
    .sort((one, other) => other.services - one.services || ((one.teamId ?? '') < (other.teamId ?? '') ? -1 : 1));
