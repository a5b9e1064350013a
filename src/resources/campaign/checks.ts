import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { checks } from '../check/table.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import type { Scope } from '../evaluation/scope.ts';

/** The IDs of the checks of campaigns. */
export async function findCheckIds(
  { db, organizationId }: Pick<Scope, 'db' | 'organizationId'>,
  campaignIds: readonly string[],
): Promise<string[]> {
  const rows = await db
    .select({ id: checks.id })
    .from(checks)
    .where(and(eq(checks.organizationId, organizationId), isAnyOf(checks.campaignId, campaignIds)));
  return rows.map(({ id }) => id);
}

/** The IDs of the checks of a campaign. */
export const checkIdsOf = async (ctx: Context, campaignId: string): Promise<string[]> =>
  findCheckIds({ db: await db(ctx), organizationId: tenant(ctx) }, [campaignId]);

/** Evaluates the checks of a campaign in a job. It also finds the time of the next evaluation, such as a start in the future. */
export async function evaluateCampaign(ctx: Context, campaignId: string): Promise<void> {
  const checkIds = await checkIdsOf(ctx, campaignId);
  if (checkIds.length > 0) await evaluateLater(ctx, { checkIds });
}
