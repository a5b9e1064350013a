import { and, asc, eq } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import { isAnyOf } from '../../db/array.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { AuditedChange } from '../audit-event/table.ts';
import { categories } from '../category/table.ts';
import { releaseCopies } from '../check/copies.ts';
import { checkRows } from '../check/rows.ts';
import { checks } from '../check/table.ts';
import { deleteResults } from '../evaluation/check-deletion.ts';
import { maturityHistory } from '../service/table.ts';

const categoryRows = rowsOf(categories, 'cat', { scorecardId: 'sco' });

/**
 * Deletes the categories and checks of a scorecard, with their results and their history. The scorecard is locked, so it gets no
 * other category. The locked categories get no other check.
 */
export async function deleteContents(ctx: Context, { id }: { id: string }): Promise<void> {
  const tx = await db(ctx);
  const own = and(eq(categories.organizationId, tenant(ctx)), eq(categories.scorecardId, id));
  const sections = await tx.select().from(categories).where(own).orderBy(asc(categories.id)).for('update');
  const sectionIds = sections.map((section) => section.id);
  const inSections = and(eq(checks.organizationId, tenant(ctx)), isAnyOf(checks.categoryId, sectionIds));
  const all = await tx.select().from(checks).where(inSections).orderBy(asc(checks.id)).for('update');
  const checkIds = all.map((check) => check.id);
  const copies = await releaseCopies(ctx, checkIds);
  await deleteResults(ctx, checkIds);
  await tx.delete(checks).where(inSections);
  await tx.delete(categories).where(own);
  const { organizationId, categoryId } = maturityHistory;
  await tx
    .delete(maturityHistory)
    .where(and(eq(organizationId, tenant(ctx)), isAnyOf(categoryId, [id, ...sectionIds])));
  audit(ctx, {
    related: [
      ...sections.map((row) => deleted(toPublicId('cat', row.id), categoryRows.snapshotOf(row))),
      ...all.map((row) => deleted(toPublicId('chk', row.id), checkRows.snapshotOf(row))),
      ...copies,
    ],
  });
}

const deleted = (targetId: string, before: AuditedChange['before']): AuditedChange => ({
  targetId,
  before,
  after: null,
});
