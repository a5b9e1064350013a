import { and, eq } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import type { Hooks } from '../../data/hooks.ts';
import { toPublicId } from '../../lib/ids.ts';
import { checkRows } from '../check/rows.ts';
import { checks } from '../check/table.ts';
import { deleteResults, lockResults } from '../evaluation/check-deletion.ts';
import { evaluateCampaign } from './checks.ts';
import type { CampaignRow } from './service.ts';

export const campaignHooks: Hooks<CampaignRow> = {
  afterUpdate: async (ctx, before, after) => {
    if (before.filterId !== after.filterId) await evaluateCampaign(ctx, after.id);
  },
  beforeDelete: async (ctx, { id }) => {
    await lockResults(ctx);
    await deleteChecks(ctx, id);
  },
};

/** Deletes the checks of a campaign with their results. The history of the campaign has a foreign key that deletes it. */
async function deleteChecks(ctx: Context, campaignId: string): Promise<void> {
  const deleted = await (await db(ctx))
    .delete(checks)
    .where(and(eq(checks.organizationId, tenant(ctx)), eq(checks.campaignId, campaignId)))
    .returning();
  await deleteResults(
    ctx,
    deleted.map(({ id }) => id),
  );
  const related = deleted.map((row) => ({
    targetId: toPublicId('chk', row.id),
    before: checkRows.snapshotOf(row),
    after: null,
  }));
  audit(ctx, { related });
}
