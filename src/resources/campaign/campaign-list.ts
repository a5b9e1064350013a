import { and, eq, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { readerOf } from '../../db/reader.ts';
import { before, type Paged } from '../../lib/paged.ts';
import { scopeOf } from '../evaluation/scope.ts';
import { services } from '../service/table.ts';
import { findTeamNames } from './failing.ts';
import { countProgress } from './history.ts';
import { type CampaignRow, type CampaignStatus, statusOf } from './service.ts';
import { campaigns, type Progress, sumOf } from './table.ts';

export interface ListedCampaign extends Pick<CampaignRow, 'id' | 'name' | 'startAt' | 'targetAt' | 'endedAt'> {
  readonly status: CampaignStatus;
  /** Null also if it is not visible to the caller. */
  readonly team: string | null;
  /** In the services for which the caller has `check_result:read`. */
  readonly progress: Pick<Progress, 'services' | 'passingServices'>;
}

const reader = readerOf<CampaignRow>(campaigns);

/** A page of campaigns: those that have not ended first, by their target. */
export async function listCampaigns(
  ctx: Context,
  { page, size }: { page: number; size: number },
): Promise<Paged<ListedCampaign>> {
  const own = eq(campaigns.organizationId, tenant(ctx));
  const order = sql`order by ${campaigns.endedAt} desc nulls first, ${campaigns.targetAt} nulls last,
    lower(${campaigns.name}), ${campaigns.id}`;
  const rows = await reader.read(await db(ctx), sql`where ${own} ${order} limit ${size} offset ${before(page, size)}`);
  const total = await (await db(ctx)).$count(campaigns, own);
  const which = and(ownedBy(ctx, services.ownerId, 'check_result:read'));
  const ids = rows.map(({ id }) => id);
  const byCampaign = await countProgress(await scopeOf(ctx), ids, which);
  const names = await findTeamNames(
    ctx,
    rows.map(({ teamId }) => teamId),
  );
  const now = ctx.dependencies.clock();
  const items = rows.map((row) => ({
    ...row,
    status: statusOf(row, now),
    team: names.get(row.teamId ?? '') ?? null,
    progress: sumOf(Object.values(byCampaign.get(row.id) ?? {})),
  }));
  return { items, page, size, total };
}
