import { eq, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { readerOf } from '../../db/reader.ts';
import { before, type Paged } from '../../lib/paged.ts';
import { findTeamNames } from './failing.ts';
import { findLastProgress } from './progress.ts';
import { type CampaignRow, type CampaignStatus, statusOf } from './service.ts';
import { campaigns, NO_PROGRESS, type Progress } from './table.ts';

export interface ListedCampaign extends Pick<CampaignRow, 'id' | 'name' | 'startAt' | 'targetAt' | 'endedAt'> {
  readonly status: CampaignStatus;
  /** Null also if it is not visible to the caller. */
  readonly team: string | null;
  /** The last stored numbers, in the services for which the caller has `check_result:read`. 0 before the start. */
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
  // Results are not counted here: 200,000 of them took a second.
  const stored = await findLastProgress(
    ctx,
    rows.map(({ id }) => id),
  );
  const names = await findTeamNames(
    ctx,
    rows.map(({ teamId }) => teamId),
  );
  const now = ctx.dependencies.clock();
  const items = rows.map((row) => {
    const status = statusOf(row, now);
    const hasStarted = status !== 'DRAFT' && status !== 'SCHEDULED';
    const progress = (hasStarted && stored.get(row.id)) || NO_PROGRESS;
    return { ...row, status, team: names.get(row.teamId ?? '') ?? null, progress };
  });
  return { items, page, size, total };
}
