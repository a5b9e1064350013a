import { and, eq, getTableColumns } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { audit, awaitWithCommit, type Context, db, tenant } from '../context.ts';
import { isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import { readerOf } from '../db/reader.ts';
import { inserterOf, rowToInsert, sendStatement, storedAs } from '../db/writer.ts';
import { notFound } from '../lib/errors.ts';
import { type IdPrefix, publicRow, type References, toPublicId, typeOfPrefix } from '../lib/ids.ts';
import { loaderById } from './loader.ts';

/** The columns of every tenant table. */
export type TenantTable = PgTable & { organizationId: PgColumn; id: PgColumn };
export type RowOf<Table extends TenantTable> = Table['$inferSelect'];
/** A row must be locked with `update` before it is deleted. */
export type LockStrength = 'update' | 'no key update';
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
  const inserter = inserterOf<RowOf<Table> & { id: string }>(table);
  const columns = getTableColumns(table) as Record<string, PgColumn>;

  const find = loaderById(reader, table);

  /**
   * Reads the row and locks it until the transaction ends. `no key update` is sufficient for an update, and does not block
   * inserts that refer to the row. With `update` they would wait, and two requests could wait for each other.
   */
  async function lock(ctx: Context, id: string, strength: LockStrength = 'update'): Promise<RowOf<Table>> {
    const rows = await (await db(ctx))
      .select()
      .from(table as PgTable)
      .where(at(ctx, id))
      .for(strength);
    if (!rows[0]) throw notFound(typeOfPrefix(prefix));
    return rows[0] as RowOf<Table>;
  }

  /** Reads the rows and locks them for updates, in the order of their IDs. */
  async function lockAll(ctx: Context, ids: readonly string[]): Promise<RowOf<Table>[]> {
    return (await (
      await db(ctx)
    )
      .select()
      .from(table as PgTable)
      .where(and(eq(table.organizationId, tenant(ctx)), isAnyOf(table.id, ids)))
      .orderBy(table.id)
      .for('no key update')) as RowOf<Table>[];
  }

  /** Inserts rows with one statement and returns them in the same order. The caller adds them to the audit event. */
  async function insertAll(ctx: Context, values: (InsertOf<Table> & { id: string })[]): Promise<RowOf<Table>[]> {
    const own = values.map((row) => ({ ...row, organizationId: tenant(ctx) }));
    const rows = (await (
      await db(ctx)
    )
      .insert(table)
      .values(own as never)
      .returning()) as (RowOf<Table> & { id: string })[];
    const byId = new Map(rows.map((row) => [row.id, row]));
    return values.map(({ id }) => byId.get(id) as RowOf<Table>);
  }

  async function insert(ctx: Context, values: InsertOf<Table>): Promise<RowOf<Table>> {
    return inserted(ctx, await inserter.insert(await db(ctx), { ...values, organizationId: tenant(ctx) }));
  }

  function inserted(ctx: Context, row: RowOf<Table> & { id: string }): RowOf<Table> {
    audit(ctx, { targetId: publicId(row.id), after: snapshotOf(row), ...projectIds(row) });
    return row;
  }

  /** Updates the given columns. Undefined leaves a column unchanged, and null clears it. */
  async function update(ctx: Context, before: RowOf<Table>, changes: Partial<InsertOf<Table>>): Promise<RowOf<Table>> {
    const given = givenOf(changes);
    if (Object.keys(given).length === 0) return updated(ctx, before, before);
    const rows = await updating(await db(ctx), ctx, before, given).returning();
    return updated(ctx, before, (rows as RowOf<Table>[])[0] as RowOf<Table>);
  }

  const givenOf = (changes: Partial<InsertOf<Table>>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));

  const updating = (own: Db, ctx: Context, before: RowOf<Table>, given: Record<string, unknown>) =>
    own
      .update(table)
      .set(given as never)
      .where(at(ctx, before['id'] as string));

  function updated(ctx: Context, before: RowOf<Table>, after: RowOf<Table>): RowOf<Table> {
    const { id } = before as { id: string };
    audit(ctx, { targetId: publicId(id), before: snapshotOf(before), after: snapshotOf(after), ...projectIds(after) });
    return after;
  }

  async function remove(ctx: Context, before: RowOf<Table>): Promise<string> {
    await (await db(ctx)).delete(table).where(at(ctx, before['id'] as string));
    return removed(ctx, before);
  }

  function removed(ctx: Context, before: RowOf<Table>): string {
    const id = publicId(before['id'] as string);
    audit(ctx, { targetId: id, before: snapshotOf(before), after: null, ...projectIds(before) });
    return id;
  }

  /**
   * The same without waiting for the response, so that the change shares a round trip with the audit event and COMMIT.
   * Waits if the stored row is not known before. Must be the last statement of the mutation.
   */
  const send = {
    async insert(ctx: Context, values: InsertOf<Table>): Promise<RowOf<Table>> {
      const row = rowToInsert<RowOf<Table> & { id: string }>(table, { ...values, organizationId: tenant(ctx) });
      if (!row) return await insert(ctx, values);
      awaitWithCommit(ctx, inserter.send(await db(ctx), row));
      return inserted(ctx, row);
    },
    async update(ctx: Context, before: RowOf<Table>, changes: Partial<InsertOf<Table>>): Promise<RowOf<Table>> {
      const given = givenOf(changes);
      const stored = Object.entries(given).map(
        ([key, value]) => [key, storedAs(columns[key] as PgColumn, value)] as const,
      );
      const isKnown = stored.every(([, value]) => value !== undefined);
      if (!isKnown || stored.length === 0) return await update(ctx, before, changes);
      const own = await db(ctx);
      awaitWithCommit(ctx, sendStatement(own, updating(own, ctx, before, given).getSQL()));
      return updated(ctx, before, { ...before, ...Object.fromEntries(stored) });
    },
    async remove(ctx: Context, before: RowOf<Table>): Promise<string> {
      const own = await db(ctx);
      const statement = own.delete(table).where(at(ctx, before['id'] as string));
      awaitWithCommit(ctx, sendStatement(own, statement.getSQL()));
      return removed(ctx, before);
    },
  };

  return { reader, find, lock, lockAll, insert, insertAll, update, remove, send, snapshotOf, publicId };
}
