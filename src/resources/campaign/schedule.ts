import { and, eq, lt } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { endResults, freezeResults } from '../evaluation/freeze.ts';
import { dayOf } from '../evaluation/history.ts';
import { checkIdsOf, evaluateCampaign } from './checks.ts';
import { campaignRows } from './rows.ts';
import { type CampaignRow, isInProgress, statusOf } from './service.ts';
import { campaignHistory } from './table.ts';

/** The campaign, locked until the end of the transaction. */
export async function lockCampaign(ctx: Context, id: string): Promise<CampaignRow> {
  audit(ctx, { targetId: toPublicId('cmp', id) });
  return await campaignRows.lock(ctx, id);
}

export interface Schedule {
  readonly startAt: Date;
  readonly targetAt: Date;
}

/** Sets the start and the target. A campaign in progress can be scheduled again, for example with a later target. */
export async function scheduleCampaign(
  ctx: Context,
  id: string,
  { startAt, targetAt }: Schedule,
): Promise<CampaignRow> {
  const before = await lockCampaign(ctx, id);
  refuseEnded(before);
  if (targetAt <= startAt) throw invalid(userError('INVALID', 'targetAt', 'targetAt: must be after `startAt`.'));
  return await reschedule(ctx, before, { startAt, targetAt });
}

/** Makes a draft of the campaign. The results of its checks end. */
export async function unscheduleCampaign(ctx: Context, id: string): Promise<CampaignRow> {
  const before = await lockCampaign(ctx, id);
  refuseEnded(before);
  if (before.startAt === null) throw invalid(userError('NO_EFFECT', 'id', 'The campaign is not scheduled.'));
  return await reschedule(ctx, before, { startAt: null, targetAt: null });
}

/**
 * Changes the times of a campaign. Results end, and progress is deleted, if they do not belong to the new start. The transaction
 * does so itself, because the evaluation runs later.
 */
async function reschedule(
  ctx: Context,
  before: CampaignRow,
  times: Pick<CampaignRow, 'startAt' | 'targetAt'>,
): Promise<CampaignRow> {
  const after = await updateCampaign(ctx, before, times);
  if (!isInProgress(after, ctx.dependencies.clock())) await endResults(ctx, await checkIdsOf(ctx, after.id));
  await deleteHistory(ctx, after.id, after.startAt);
  await evaluateCampaign(ctx, after.id);
  return after;
}

/** Ends the campaign for good. The results of its checks stay as they are. */
export async function endCampaign(ctx: Context, id: string): Promise<CampaignRow> {
  const before = await lockCampaign(ctx, id);
  const now = ctx.dependencies.clock();
  const status = statusOf(before, now);
  if (status === 'ENDED') throw invalid(userError('NO_EFFECT', 'id', 'The campaign has ended already.'));
  if (status === 'DRAFT' || status === 'SCHEDULED')
    throw invalid(
      userError('INVALID', 'id', `Only a campaign that has started can be ended, and this one is ${status}.`),
    );
  const after = await updateCampaign(ctx, before, { endedAt: now });
  await freezeResults(ctx, await checkIdsOf(ctx, id));
  return after;
}

const updateCampaign = (ctx: Context, before: CampaignRow, changes: Partial<CampaignRow>): Promise<CampaignRow> =>
  campaignRows.update(ctx, before, { ...changes, updatedAt: ctx.dependencies.clock() });

export function refuseEnded({ endedAt }: CampaignRow, path = 'id'): void {
  if (endedAt !== null) throw invalid(userError('INVALID', path, 'The campaign has ended.'));
}

/** Deletes the progress of the days before the start, or of all days. */
async function deleteHistory(ctx: Context, campaignId: string, startAt: Date | null): Promise<void> {
  const own = and(eq(campaignHistory.organizationId, tenant(ctx)), eq(campaignHistory.campaignId, campaignId));
  const isBefore = startAt ? lt(campaignHistory.day, dayOf(startAt)) : undefined;
  await (await db(ctx)).delete(campaignHistory).where(and(own, isBefore));
}
