import { and, eq, isNotNull } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { categories } from '../category/table.ts';

/** Throws if a check of a campaign would move to a scorecard. The deletion of the scorecard would delete the check. */
export async function refuseCategory(
  ctx: Context,
  { campaignId }: { campaignId: string | null },
  categoryId: string | undefined,
): Promise<void> {
  if (campaignId === null || categoryId === undefined) return;
  const own = and(eq(categories.organizationId, tenant(ctx)), eq(categories.id, categoryId));
  const found = await (await db(ctx))
    .select({ id: categories.id })
    .from(categories)
    .where(and(own, isNotNull(categories.scorecardId)));
  if (found.length > 0)
    throw invalid(userError('INVALID', 'category', 'category: a check of a campaign cannot belong to a scorecard.'));
}
