import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { categories } from '../category/table.ts';

/** A check belongs to a campaign or to a scorecard, not to both. The scorecard of a category never changes. */
export async function refuseScorecard(
  ctx: Context,
  { campaignId }: { campaignId: string | null },
  categoryId?: string,
): Promise<void> {
  if (campaignId === null || categoryId === undefined) return;
  const [category] = await (await db(ctx))
    .select({ scorecardId: categories.scorecardId })
    .from(categories)
    .where(and(eq(categories.organizationId, tenant(ctx)), eq(categories.id, categoryId)));
  if (!category?.scorecardId) return;
  const message = 'category: belongs to a scorecard. A check of a campaign cannot belong to a scorecard too.';
  throw invalid(userError('INVALID', 'category', message));
}
