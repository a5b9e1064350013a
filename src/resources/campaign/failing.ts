import { sql } from 'drizzle-orm';
import { type Context, db } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { before, type Paged } from '../../lib/paged.ts';
import { isPassed } from '../check-result/passed.ts';
import { services } from '../service/table.ts';
import { teams } from '../team/table.ts';
import { type CampaignResult, listResults, ofCampaign } from './results.ts';

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
  id: string;
  name: string;
  owner: string | null;
  failing: number;
  total: number;
}

/** A page of the services that fail checks of the campaign. Those with the most failing checks come first. */
export async function listFailing(
  ctx: Context,
  campaignId: string,
  { page, size }: { page: number; size: number },
): Promise<Paged<FailingService>> {
  const failed = sql`not ${isPassed(ctx.dependencies.clock())}`;
  const counted = sql`select ${services.id}, ${services.name}, ${services.ownerId} as owner, count(*)::int as failing
    ${await ofCampaign(ctx, campaignId)} and ${failed} group by 1, 2, 3`;
  const rows = await queryRows<Row>(
    await db(ctx),
    sql`select one.*, (count(*) over ())::int as total from (${counted}) as one
      order by one.failing desc, lower(one.name), one.id limit ${size} offset ${before(page, size)}`,
  );
  const shown = isAnyOf(
    services.id,
    rows.map(({ id }) => id),
  );
  const bounds = { perService: RESULTS, limit: size * RESULTS };
  const results = rows.length > 0 ? await listResults(ctx, campaignId, sql`${shown} and ${failed}`, bounds) : [];
  const names = await findTeamNames(
    ctx,
    rows.map(({ owner }) => owner),
  );
  const byService = Map.groupBy(results, ({ serviceId }) => serviceId);
  const items = rows.map(({ id, name, owner, failing }) => ({
    name,
    team: names.get(owner ?? '') ?? null,
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
