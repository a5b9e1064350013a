import { sql } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import type { Hooks } from '../../data/hooks.ts';
import { queryRows } from '../../db/reader.ts';
import { toPublicId } from '../../lib/ids.ts';
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
  const deleted = await queryRows<{ id: string }>(
    await db(ctx),
    sql`delete from ${checks} where ${checks.organizationId} = ${tenant(ctx)} and ${checks.campaignId} = ${campaignId}
      returning ${checks.id}`,
  );
  for (const { id } of deleted) await deleteResults(ctx, id);
  audit(ctx, { touched: deleted.map(({ id }) => ({ id: toPublicId('chk', id), projectId: null })) });
}
