import { and, eq } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { audit, type Context, db, tenant } from '../context.ts';
import { readerOf } from '../db/reader.ts';
import { inserterOf } from '../db/writer.ts';
import { notFound } from '../lib/errors.ts';
import { type IdPrefix, publicRow, type References, toPublicId, typeOfPrefix } from '../lib/ids.ts';
import { loaderById } from './loader.ts';

/** The columns of every tenant table. */
export type TenantTable = PgTable & { organizationId: PgColumn; id: PgColumn };
export type RowOf<Table extends TenantTable> = Table['$inferSelect'];
export type InsertOf<Table extends TenantTable> = Omit<Table['$inferInsert'], 'organizationId'>;

/**
 * Reads and writes rows of one tenant table. Row-level security already hides other organizations. The condition on the
 * organization lets PostgreSQL use the index. Each write adds to the audit event.
 */
export function rowsOf<Table extends TenantTable>(table: Table, prefix: IdPrefix, references: References = {}) {
  const at = (ctx: Context, id: string) => and(eq(table.organizationId, tenant(ctx)), eq(table.id, id));
  const publicId = (id: string): string => toPublicId(prefix, id);
  const snapshotOf = (row: RowOf<Table>) => publicRow(prefix, row, references);
  const projectIds = (row: RowOf<Table>) => ({
    projectIds: [(row as { projectId?: string | null }).projectId ?? []].flat(),
  });

  const reader = readerOf<RowOf<Table> & { id: string }>(table);
  const insertRow = inserterOf<RowOf<Table> & { id: string }>(table);

  const find = loaderById(reader, table);

  /** Reads the row and locks it until the transaction ends. */
  async function lock(ctx: Context, id: string): Promise<RowOf<Table>> {
    const rows = await (await db(ctx))
      .select()
      .from(table as PgTable)
      .where(at(ctx, id))
      .for('update');
    if (!rows[0]) throw notFound(typeOfPrefix(prefix));
    return rows[0] as RowOf<Table>;
  }

  async function insert(ctx: Context, values: InsertOf<Table>): Promise<RowOf<Table>> {
    const row = await insertRow(await db(ctx), { ...values, organizationId: tenant(ctx) });
    audit(ctx, { targetId: publicId(row.id), after: snapshotOf(row), ...projectIds(row) });
    return row;
  }

  /** Updates the given columns. Undefined leaves a column unchanged, and null clears it. */
  async function update(ctx: Context, before: RowOf<Table>, changes: Partial<InsertOf<Table>>): Promise<RowOf<Table>> {
    const { id } = before as { id: string };
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    let after = before;
    if (Object.keys(given).length > 0) {
      const rows = await (await db(ctx))
        .update(table)
        .set(given as never)
        .where(at(ctx, id))
        .returning();
      after = (rows as RowOf<Table>[])[0] as RowOf<Table>;
    }
    audit(ctx, { targetId: publicId(id), before: snapshotOf(before), after: snapshotOf(after), ...projectIds(after) });
    return after;
  }

  async function remove(ctx: Context, before: RowOf<Table>): Promise<string> {
    const { id } = before as { id: string };
    await (await db(ctx)).delete(table).where(at(ctx, id));
    audit(ctx, { targetId: publicId(id), before: snapshotOf(before), after: null, ...projectIds(before) });
    return publicId(id);
  }

  return { reader, find, lock, insert, update, remove };
}
