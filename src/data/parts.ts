import { and, eq, getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { type Context, db, tenant } from '../context.ts';
import { isAnyOf } from '../db/array.ts';
import { readerOf } from '../db/reader.ts';
import { newId } from '../lib/ids.ts';
import { batched, type Find } from './loader.ts';
import type { TenantTable } from './rows.ts';

/** The columns of an item, such as the key and the value of a tag. */
export type Item = Record<string, unknown>;

/** A row of a child table: one item of an object. */
export type PartRow = Item & { id: string };

/** A change of the items of one object, whose row is locked. */
export interface PartEdit {
  /** The ID of the object. */
  readonly id: string;
  readonly add: readonly Item[];
  readonly remove: readonly Item[];
}

/** The items of an object before and after a change. */
export interface PartChange {
  readonly id: string;
  readonly before: readonly PartRow[];
  readonly after: readonly PartRow[];
}

export interface PartRows {
  readonly table: TenantTable;
  /** The column with the ID of the object. */
  readonly of: PgColumn;
  /** The items of an object, in the order in which they were added. One statement for all objects of a response. */
  readonly find: Find<PartRow[]>;
  /** The items of these objects, as stored now. */
  read(ctx: Context, ids: readonly string[]): Promise<Map<string, PartRow[]>>;
  /** What an edit changes. Adding an item that exists and removing one that is missing changes nothing. */
  changeOf(existing: readonly PartRow[], edit: PartEdit): PartChange;
  /** Writes changes with one statement for all rows that are removed, and one for those that are added. */
  write(ctx: Context, changes: readonly PartChange[]): Promise<void>;
  /** Adds rows unless they violate a unique key. Returns the added ones. */
  insertMissing(ctx: Context, rows: readonly Item[]): Promise<PartRow[]>;
}

/** Maximum number of rows in one INSERT. PostgreSQL allows 65,535 parameters. */
const MAX_ROWS = 5_000;

/** Reads and writes the rows of a child table. `key` has the columns that identify an item of an object. */
export function partRowsOf(table: TenantTable, ofKey: string, key: readonly string[]): PartRows {
  const columns = getTableColumns(table) as Record<string, PgColumn>;
  const of = columns[ofKey] as PgColumn;
  const reader = readerOf<PartRow>(table);
  const readBy = reader.readBy(table.organizationId, of);
  const keyOf = (item: Item): string => JSON.stringify(key.map((name) => item[name]));
  const own = (ctx: Context, which: SQL): SQL => and(eq(table.organizationId, tenant(ctx)), which) as SQL;

  async function read(ctx: Context, ids: readonly string[]): Promise<Map<string, PartRow[]>> {
    const rows = await readBy(await db(ctx), tenant(ctx), ids);
    // The IDs have the order of creation.
    rows.sort((a, b) => (a.id < b.id ? -1 : 1));
    return Map.groupBy(rows, (row) => row[ofKey] as string);
  }

  function changeOf(before: readonly PartRow[], { id, add, remove }: PartEdit): PartChange {
    const items = new Map(before.map((row) => [keyOf(row), row]));
    const added = new Set(add.map(keyOf));
    for (const item of remove) if (!added.has(keyOf(item))) items.delete(keyOf(item));
    for (const item of add) {
      const known = items.get(keyOf(item));
      if (!known) items.set(keyOf(item), { ...item, id: newId(), [ofKey]: id });
      else if (!hasAll(known, item)) items.set(keyOf(item), { ...known, ...givenOf(item) });
    }
    return { id, before, after: [...items.values()] };
  }

  async function write(ctx: Context, changes: readonly PartChange[]): Promise<void> {
    const removed: string[] = [];
    const inserted: PartRow[] = [];
    const updated: PartRow[] = [];
    for (const { before, after } of changes) {
      const [old, kept] = [new Map(before.map((row) => [row.id, row])), new Set(after.map(({ id }) => id))];
      removed.push(...before.flatMap(({ id }) => (kept.has(id) ? [] : [id])));
      for (const row of after) {
        const known = old.get(row.id);
        if (!known) inserted.push(row);
        else if (known !== row) updated.push(row);
      }
    }
    const tx = await db(ctx);
    const statements: Promise<unknown>[] = [];
    if (removed.length > 0)
      statements.push(
        tx
          .delete(table)
          .where(own(ctx, isAnyOf(table.id, removed)))
          .execute(),
      );
    for (const { id, organizationId: _, ...values } of updated)
      statements.push(
        tx
          .update(table)
          .set(values as never)
          .where(own(ctx, eq(table.id, id)))
          .execute(),
      );
    for (let at = 0; at < inserted.length; at += MAX_ROWS)
      statements.push(
        tx
          .insert(table)
          .values(valuesOf(ctx, inserted.slice(at, at + MAX_ROWS)))
          .execute(),
      );
    await Promise.all(statements);
  }

  async function insertMissing(ctx: Context, rows: readonly Item[]): Promise<PartRow[]> {
    if (rows.length === 0) return [];
    const tx = await db(ctx);
    return (await tx.insert(table).values(valuesOf(ctx, rows)).onConflictDoNothing().returning()) as PartRow[];
  }

  const valuesOf = (ctx: Context, rows: readonly Item[]): never =>
    rows.map((row) => ({ ...row, organizationId: tenant(ctx) })) as never;

  return { table, of, find: batched(read), read, changeOf, write, insertMissing };
}

/** The values that are given. Undefined leaves a value unchanged. */
const givenOf = (item: Item): Item =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));

const hasAll = (row: Item, item: Item): boolean =>
  Object.entries(givenOf(item)).every(([name, value]) => row[name] === value);

/** The objects with these values in a column of a child table, such as an alias, as `[value, ID of the object]`. */
export async function objectsWith(
  ctx: Context,
  { table, of }: PartRows,
  column: PgColumn,
  values: readonly string[],
): Promise<Map<string, string>> {
  if (values.length === 0) return new Map();
  const rows = await (await db(ctx))
    .select({ value: sql<string>`${column}`, id: sql<string>`${of}` })
    .from(table as never)
    .where(and(eq(table.organizationId, tenant(ctx)), isAnyOf(column, values)));
  return new Map(rows.map(({ value, id }) => [value, id]));
}
