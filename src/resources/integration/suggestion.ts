import { and, eq, isNotNull, isNull } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { notFound } from '../../lib/errors.ts';
import { publicRow, toPublicId } from '../../lib/ids.ts';
import { serviceSuggestions } from './table.ts';

export type SuggestionRow = typeof serviceSuggestions.$inferSelect;

const rows = rowsOf(serviceSuggestions, 'sug', { integrationId: 'int' });

const snapshotOf = (row: SuggestionRow) => publicRow('sug', row, { integrationId: 'int' });

/** In SQL, whether a suggestion was dismissed. */
export const dismissedIs = (dismissed: boolean) =>
  dismissed ? isNotNull(serviceSuggestions.dismissedAt) : isNull(serviceSuggestions.dismissedAt);

/** The alias of a suggestion. Throws NOT_FOUND for a caller who may not see suggestions. */
export async function getSuggestedAlias(ctx: Context, id: string): Promise<string> {
  const row = ctx.unit.access.can('integration:read') ? await rows.find(ctx, id) : null;
  if (!row) throw notFound('ServiceSuggestion');
  return row.alias;
}

/** Deletes a suggestion whose alias was given to a service. Throws if another request has deleted it meanwhile. */
export async function deleteAccepted(ctx: Context, id: string): Promise<void> {
  const deleted = await (await db(ctx))
    .delete(serviceSuggestions)
    .where(and(eq(serviceSuggestions.organizationId, tenant(ctx)), eq(serviceSuggestions.id, id)))
    .returning({ id: serviceSuggestions.id });
  if (deleted.length === 0) throw notFound('ServiceSuggestion');
  audit(ctx, { touched: [{ id: toPublicId('sug', id), projectId: null }] });
}

/** Hides a suggestion. Further events with the alias are counted, and do not show it again. */
export async function dismissSuggestion(ctx: Context, id: string): Promise<SuggestionRow> {
  audit(ctx, { targetId: toPublicId('sug', id) });
  const before = await rows.lock(ctx, id);
  if (before.dismissedAt) return before;
  const after = await rows.update(ctx, before, { dismissedAt: ctx.dependencies.clock() });
  audit(ctx, { before: snapshotOf(before), after: snapshotOf(after) });
  return after;
}
