import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { checks } from '../check/table.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';

/** The IDs of the checks of a campaign. */
export async function checkIdsOf(ctx: Context, campaignId: string): Promise<string[]> {
  const rows = await (await db(ctx))
    .select({ id: checks.id })
    .from(checks)
    .where(and(eq(checks.organizationId, tenant(ctx)), eq(checks.campaignId, campaignId)));
  return rows.map(({ id }) => id);
}

/** Evaluates the checks of a campaign in a job. It also finds the time of the next evaluation, such as a start in the future. */
export async function evaluateCampaign(ctx: Context, campaignId: string): Promise<void> {
  const checkIds = await checkIdsOf(ctx, campaignId);
  if (checkIds.length > 0) await evaluateLater(ctx, { checkIds });
}
