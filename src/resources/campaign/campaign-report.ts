import { sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { ofServices } from '../../data/service-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { type Paged, pageOf } from '../../lib/paged.ts';
import { checks } from '../check/table.ts';
import { currentStatus } from '../check-result/status.ts';
import { checkResults } from '../check-result/table.ts';
import { filters } from '../filter/table.ts';
import { checkIdsOf } from './checks.ts';
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
  readonly checks: readonly CheckProgress[] | null;
  /** Oldest day first. */
  readonly days: readonly DayProgress[];
}

/** The progress of a campaign that is visible to the caller, with a page of its teams. */
export async function findCampaignReport(
  ctx: Context,
  campaign: CampaignRow,
  { page, size }: { page: number; size: number },
): Promise<CampaignReport> {
  const { access } = ctx.unit;
  const { now, days } = await findProgress(ctx, campaign.id, MAX_DAYS);
  const shown = pageOf(failingFirst(now), page, size);
  const [teamNames, filterNames, byCheck] = await Promise.all([
    findTeamNames(ctx, [campaign.teamId, ...shown.items.map(({ teamId }) => teamId)]),
    access.can('filter:read') ? findNames(ctx, filters, [campaign.filterId]) : null,
    access.can('check:read') ? countByCheck(ctx, campaign.id) : null,
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

/** The results of each check of a campaign. */
async function countByCheck(ctx: Context, campaignId: string): Promise<CheckProgress[]> {
  const own = tenant(ctx);
  const ofChecks = isAnyOf(checkResults.checkId, await checkIdsOf(ctx, campaignId));
  const visible = ofServices(ctx, checkResults.serviceId, 'check_result:read') ?? sql`true`;
  const counted = sql`select ${checkResults.checkId} as id, ${currentStatus(ctx.dependencies.clock())} as status, count(*) as results
    from ${checkResults} where ${checkResults.organizationId} = ${own} and ${ofChecks} and ${checkResults.replacedAt} is null
    and ${visible} group by 1, 2`;
  const passed = sql`counted.status = 'PASSED' or (counted.status = 'PENDING' and ${checks.passPending})`;
  return await queryRows<CheckProgress>(
    await db(ctx),
    sql`select ${checks.name}, coalesce(sum(counted.results), 0)::int as results,
        coalesce(sum(counted.results) filter (where ${passed}), 0)::int as "passingResults"
      from ${checks} left join (${counted}) as counted on counted.id = ${checks.id}
      where ${checks.organizationId} = ${own} and ${checks.campaignId} = ${campaignId}
      group by ${checks.id}, ${checks.name} order by lower(${checks.name}), ${checks.id}`,
  );
}
