import { type SQL, sql } from 'drizzle-orm';
import { arrayParam, isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { checks } from '../check/table.ts';
import { currentStatus } from '../check-result/status.ts';
import { checkResults } from '../check-result/table.ts';
import { dayOf } from '../evaluation/history.ts';
import type { Scope } from '../evaluation/scope.ts';
import { services } from '../service/table.ts';
import { findCheckIds } from './checks.ts';
import { campaignHistory, campaigns, type Progress, sumOf } from './table.ts';

/** The key of services without an owner in `campaign_history.teams`. */
export const NO_TEAM = 'none';

/** By the ID of the team that owns the services, or NO_TEAM. */
type ByTeam = Record<string, Progress>;

/**
 * Stores the progress of each campaign that is in progress or has ended today, as the numbers of today. The last numbers of a
 * day remain.
 */
export async function recordProgress(scope: Scope): Promise<void> {
  const { db, organizationId, now } = scope;
  const today = dayOf(now);
  const { id, startAt, endedAt } = campaigns;
  const running = await queryRows<{ id: string }>(
    db,
    sql`select ${id} from ${campaigns} where ${campaigns.organizationId} = ${organizationId}
      and ${startAt} <= ${now.toISOString()}::timestamptz
      and (${endedAt} is null or ${endedAt} >= ${today}::timestamptz) order by ${id}`,
  );
  const ids = running.map((row) => row.id);
  // Numbers of earlier today of a campaign that has been postponed.
  const { organizationId: own, campaignId, day } = campaignHistory;
  const gone = sql`${own} = ${organizationId} and ${day} = ${today} and ${campaignId} <> all(${arrayParam(ids)}::uuid[])`;
  await sendStatement(db, sql`delete from ${campaignHistory} where ${gone}`);
  if (ids.length === 0) return;
  const counted = await countProgress(scope, ids);
  // A campaign can have been deleted meanwhile. An earlier lock would block the deletion while the results are counted.
  const existing = await queryRows<{ id: string }>(
    db,
    sql`select ${id} from ${campaigns} where ${campaigns.organizationId} = ${organizationId} and ${isAnyOf(id, ids)}
      order by ${id} for key share`,
  );
  if (existing.length === 0) return;
  const rows = existing.map(({ id: one }) => {
    const teams = counted.get(one) ?? {};
    const total = JSON.stringify(sumOf(Object.values(teams)));
    return sql`(${organizationId}, ${one}::uuid, ${today}, ${total}::jsonb, ${JSON.stringify(teams)}::jsonb)`;
  });
  await sendStatement(
    db,
    sql`insert into ${campaignHistory} (organization_id, campaign_id, day, total, teams) values ${sql.join(rows, sql`, `)}
      on conflict (organization_id, campaign_id, day) do update set total = excluded.total, teams = excluded.teams`,
  );
}

/** The progress of these campaigns now, by campaign and team. `which` is a condition for rows of `services`. */
export async function countProgress(
  { db, organizationId, now }: Scope,
  campaignIds: readonly string[],
  which: SQL = sql`true`,
): Promise<Map<string, ByTeam>> {
  const checkIds = await findCheckIds({ db, organizationId }, campaignIds);
  if (checkIds.length === 0) return new Map();
  // With their IDs, the planner knows the number of checks. Otherwise it reads all results of the organization.
  const ofChecks = isAnyOf(checkResults.checkId, checkIds);
  const status = currentStatus(now);
  const passed = sql`(${status} = 'PASSED' or (${status} = 'PENDING' and ${checks.passPending}))`;
  const ofServices = sql`select ${checks.campaignId} as campaign, ${checkResults.serviceId} as service,
      count(*) as results, count(*) filter (where ${passed}) as passing
    from ${checkResults} join ${checks} on ${checks.organizationId} = ${organizationId} and ${checks.id} = ${checkResults.checkId}
    where ${checkResults.organizationId} = ${organizationId} and ${ofChecks} and ${checkResults.replacedAt} is null
    group by 1, 2`;
  const rows = await queryRows<{ campaign: string; team: string | null } & Progress>(
    db,
    sql`select one.campaign, ${services.ownerId} as team, count(*)::int as services,
        count(*) filter (where one.passing = one.results)::int as "passingServices",
        sum(one.results)::int as results, sum(one.passing)::int as "passingResults"
      from (${ofServices}) as one join ${services} on ${services.id} = one.service
      where ${services.organizationId} = ${organizationId} and ${which} group by 1, 2`,
  );
  const byCampaign = new Map<string, ByTeam>();
  for (const [campaign, own] of Map.groupBy(rows, (row) => row.campaign))
    byCampaign.set(
      campaign,
      Object.fromEntries(own.map(({ campaign: _, team, ...progress }) => [team ?? NO_TEAM, progress])),
    );
  return byCampaign;
}
