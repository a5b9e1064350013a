import { type SQL, sql } from 'drizzle-orm';
import type { Context } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { before, type Paged } from '../../lib/paged.ts';
import { isPassed } from '../check-result/passed.ts';
import { type Scope, scopeOf } from '../evaluation/scope.ts';
import { services } from '../service/table.ts';
import { teams } from '../team/table.ts';
import { type CampaignResult, listResults, resultsOf, visibleServices } from './results.ts';

/** A service that does not pass all checks of a campaign that apply to it. */
export interface FailingService {
  readonly name: string;
  /** Null also if it is not visible to the caller. */
  readonly team: string | null;
  /** The number of checks that it fails. */
  readonly failing: number;
  /** The first results of them. */
  readonly results: readonly CampaignResult[];
}

/** Maximum number of results of one service in a list of services. */
const RESULTS = 10;

interface Row {
  readonly id: string;
  readonly name: string;
  /** The name of the team that owns the service. */
  readonly team: string | null;
  /** The number of checks that the service fails. */
  readonly failing: number;
  /** The number of all failing services. */
  readonly total: number;
}

interface Which {
  /** A condition for rows of `services`. */
  readonly which: SQL;
  /** Further columns about the failed checks of a service. */
  readonly columns?: SQL;
  /** The columns of ORDER BY. The services are the relation `one`, joined with `teams`. */
  readonly order: SQL;
  readonly limit: number;
  readonly offset?: number;
}

export const hasFailed = (now: Date): SQL => sql`not ${isPassed(now)}`;

/** The first services, in this order, that fail checks of the campaign. */
export async function findFailing<Found extends Row = Row>(
  scope: Scope,
  campaignId: string,
  { which, columns = sql``, order, limit, offset = 0 }: Which,
): Promise<Found[]> {
  const { db, organizationId, now } = scope;
  const results = await resultsOf(scope, campaignId, which);
  return await queryRows<Found>(
    db,
    sql`select one.*, ${teams.name} as team, (count(*) over ())::int as total
      from (
        select ${services.id}, ${services.name}, ${services.ownerId} as owner, count(*)::int as failing ${columns}
        ${results} and ${hasFailed(now)} group by 1, 2, 3
      ) as one left join ${teams} on ${teams.organizationId} = ${organizationId} and ${teams.id} = one.owner
      order by ${order} limit ${limit} offset ${offset}`,
  );
}

/** A page of the services that fail checks of the campaign. Those with the most failing checks come first. */
export async function listFailing(
  ctx: Context,
  campaignId: string,
  { page, size }: { page: number; size: number },
): Promise<Paged<FailingService>> {
  const rows = await findFailing(await scopeOf(ctx), campaignId, {
    which: visibleServices(ctx),
    order: sql`one.failing desc, lower(one.name), one.id`,
    ...{ limit: size, offset: before(page, size) },
  });
  const shown = isAnyOf(
    services.id,
    rows.map(({ id }) => id),
  );
  const bounds = { perService: RESULTS, limit: size * RESULTS };
  const failed = sql`${shown} and ${hasFailed(ctx.dependencies.clock())}`;
  const results = rows.length > 0 ? await listResults(ctx, campaignId, failed, bounds) : [];
  const byService = Map.groupBy(results, ({ serviceId }) => serviceId);
  const areTeamsVisible = ctx.unit.access.can('team:read');
  const items = rows.map(({ id, name, team, failing }) => ({
    name,
    team: areTeamsVisible ? team : null,
    failing,
    results: byService.get(id) ?? [],
  }));
  // A page after the last one has no rows, so its total is not known.
  return { items, page, size, total: rows[0]?.total ?? 0 };
}

/** The names of teams by ID. Empty if the caller cannot read teams. */
export const findTeamNames = async (
  ctx: Context,
  ids: Iterable<string | null>,
): Promise<ReadonlyMap<string, string>> =>
  ctx.unit.access.can('team:read') ? await findNames(ctx, teams, ids) : new Map();
