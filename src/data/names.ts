import { sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { type Context, db, tenant } from '../context.ts';
import { isAnyOf } from '../db/array.ts';
import { queryRows } from '../db/reader.ts';
import type { TenantTable } from './rows.ts';

type NamedTable = TenantTable & { name: PgColumn };

/** The names of objects of the organization by ID. The caller may see the objects of this table. */
export async function findNames(
  ctx: Context,
  table: NamedTable,
  ids: Iterable<string | null>,
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Set([...ids].filter((id) => id !== null));
  if (wanted.size === 0) return new Map();
  const rows = await queryRows<{ id: string; name: string }>(
    await db(ctx),
    sql`select ${table.id}, ${table.name} from ${table}
      where ${table.organizationId} = ${tenant(ctx)} and ${isAnyOf(table.id, wanted)}`,
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}
