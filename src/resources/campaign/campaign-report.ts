import { sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { ofServices } from '../../data/service-scope.ts';
import { queryRows } from '../../db/reader.ts';
import { before, type Paged, pageOf } from '../../lib/paged.ts';
import { checks } from '../check/table.ts';
import { isPassed } from '../check-result/passed.ts';
import { checkResults } from '../check-result/table.ts';
import { filters } from '../filter/table.ts';
import { findTeamNames } from './failing.ts';
import { findProgress, MAX_DAYS, type ProgressByTeam } from './progress.ts';
import { type CampaignRow, type CampaignStatus, statusOf } from './service.ts';
import type { Progress } from './table.ts';

export interface TeamProgress extends Progress {
  readonly name: string;
}

export interface DayProgress extends Progress {
  readonly day: Date;
}

/** The results of a check of the campaign. */
export interface CheckProgress extends Pick<Progress, 'results' | 'passingResults'> {
  readonly name: string;
}

/** All numbers are about the services for which the caller has `check_result:read`. */
export interface CampaignReport extends Pick<CampaignRow, 'name' | 'brief' | 'startAt' | 'targetAt' | 'endedAt'> {
  readonly status: CampaignStatus;
  /** The responsible team. Null also if it is not visible to the caller. */
  readonly team: string | null;
  /** Null also if it is not visible to the caller. */
  readonly filter: string | null;
  readonly progress: Progress;
  /** The teams with the most failing services come first. Null if the caller cannot read teams. */
  readonly teams: Paged<TeamProgress> | null;
  /** In the order of their names. Null if the caller cannot read checks. */
  readonly checks: Paged<CheckProgress> | null;
  /** Oldest day first. */
  readonly days: readonly DayProgress[];
}

interface Wanted {
  /** The pages of the lists, from 1. */
  readonly teams: number;
  readonly checks: number;
  readonly size: number;
}

/** The progress of a campaign that is visible to the caller, with a page of its teams and of its checks. */
export async function findCampaignReport(
  ctx: Context,
  campaign: CampaignRow,
  { teams, checks: page, size }: Wanted,
): Promise<CampaignReport> {
  const { access } = ctx.unit;
  const { now, days } = await findProgress(ctx, campaign.id, MAX_DAYS);
  const shown = pageOf(failingFirst(now), teams, size);
  const [teamNames, filterNames, byCheck] = await Promise.all([
    findTeamNames(ctx, [campaign.teamId, ...shown.items.map(({ teamId }) => teamId)]),
    access.can('filter:read') ? findNames(ctx, filters, [campaign.filterId]) : null,
    access.can('check:read') ? countByCheck(ctx, campaign.id, page, size) : null,
  ]);
  const named = shown.items.map(({ teamId, ...own }) => ({ ...own, name: nameOfTeam(teamNames, teamId) }));
  return {
    ...campaign,
    status: statusOf(campaign, ctx.dependencies.clock()),
    team: teamNames.get(campaign.teamId ?? '') ?? null,
    filter: filterNames?.get(campaign.filterId ?? '') ?? null,
    progress: now,
    teams: access.can('team:read') ? { ...shown, items: named } : null,
    checks: byCheck,
    days: days.map((own) => ({ ...own, day: new Date(`${own.day}T00:00:00.000Z`) })),
  };
}

const nameOfTeam = (names: ReadonlyMap<string, string>, id: string | null): string =>
  id === null ? 'No team' : (names.get(id) ?? 'A deleted team');

const failing = ({ services, passingServices }: Progress): number => services - passingServices;

const failingFirst = ({ byTeam }: ProgressByTeam): ProgressByTeam['byTeam'] =>
  [...byTeam].sort((one, other) => failing(other) - failing(one));

/** The results of a page of the checks. Only results of these checks are counted: a campaign can have millions. */
async function countByCheck(
  ctx: Context,
  campaignId: string,
  page: number,
  size: number,
): Promise<Paged<CheckProgress>> {
  const own = tenant(ctx);
  const visible = ofServices(ctx, checkResults.serviceId, 'check_result:read') ?? sql`true`;
  const shown = sql`select ${checks.id} as id, ${checks.name} as name, ${checks.passPending} as pass_pending,
      (count(*) over ())::int as total
    from ${checks} where ${checks.organizationId} = ${own} and ${checks.campaignId} = ${campaignId}
    order by lower(${checks.name}), ${checks.id} limit ${size} offset ${before(page, size)}`;
  const passed = isPassed(ctx.dependencies.clock(), sql`shown.pass_pending`);
  const rows = await queryRows<CheckProgress & { total: number }>(
    await db(ctx),
    sql`select shown.name, shown.total, count(${checkResults.id})::int as results,
        count(*) filter (where ${passed})::int as "passingResults"
      from (${shown}) as shown left join ${checkResults} on ${checkResults.organizationId} = ${own}
        and ${checkResults.checkId} = shown.id and ${checkResults.replacedAt} is null and ${visible}
      group by shown.id, shown.name, shown.total order by lower(shown.name), shown.id`,
  );
  return { items: rows, page, size, total: rows[0]?.total ?? 0 };
}
