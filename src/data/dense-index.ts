import { and, between, count, eq, gte, type SQL, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { type Context, db, tenant } from '../context.ts';
import { invalid, notFound, userError } from '../lib/errors.ts';
import { organizations } from '../resources/organization/table.ts';
import type { TenantTable } from './rows.ts';

/**
 * Positions 0 … n - 1 of the rows of an organization, without gaps, in a column `index` with a unique constraint. All
 * changes of positions in an organization happen one after the other.
 */
export function denseIndexOf(table: TenantTable, column: PgColumn) {
  const own = (ctx: Context, which?: SQL): SQL => and(eq(table.organizationId, tenant(ctx)), which) as SQL;

  /** Serializes with other changes of positions. Does not block inserts into tables that refer to the organization. */
  async function lock(ctx: Context): Promise<void> {
    const [organization] = await (await db(ctx))
      .select({ id: organizations.id })
      .from(organizations)
      .where(eq(organizations.id, tenant(ctx)))
      .for('no key update');
    // Another request has deleted it.
    if (!organization) throw notFound('Organization');
  }

  async function size(ctx: Context): Promise<number> {
    const [all] = await (await db(ctx))
      .select({ total: count() })
      .from(table as PgTable)
      .where(own(ctx));
    return all?.total ?? 0;
  }

  /** In two steps with negative positions, because the unique constraint is checked row by row. */
  async function shift(ctx: Context, which: SQL, by: number): Promise<void> {
    const set = async (where: SQL, value: SQL): Promise<void> =>
      void (await (
        await db(ctx)
      )
        .update(table)
        .set({ index: value } as never)
        .where(own(ctx, where)));
    await set(which, sql`-1 - ${column} - ${by}`);
    await set(sql`${column} < 0`, sql`-1 - ${column}`);
  }

  return {
    lock,

    /** Moves later rows to free a position, by default the one after the last row, and returns it. */
    async insertAt(ctx: Context, index: number | null | undefined): Promise<number> {
      const last = await size(ctx);
      const at = index ?? last;
      refuseOutside(at, last);
      if (at < last) await shift(ctx, gte(column, at), 1);
      return at;
    },

    /** Moves the others so that the row can take the new position. */
    async move(ctx: Context, id: string, from: number, to: number): Promise<void> {
      if (from === to) return;
      refuseOutside(to, (await size(ctx)) - 1);
      // A temporary position that no other row has, until the row itself is updated.
      await (await db(ctx))
        .update(table)
        .set({ index: PARKED } as never)
        .where(own(ctx, eq(table.id, id)));
      await shift(ctx, to > from ? between(column, from + 1, to) : between(column, to, from - 1), to > from ? -1 : 1);
    },

    async closeGap(ctx: Context, index: number): Promise<void> {
      await shift(ctx, gte(column, index + 1), -1);
    },
  };
}

/** Higher than the position of any row, so `shift` does not move it. */
const PARKED = 2_147_483_647;

function refuseOutside(index: number, highest: number): void {
  if (index < 0 || index > highest)
    throw invalid(userError('INVALID', 'index', `index: must be between 0 and ${highest}, so that there are no gaps.`));
}
