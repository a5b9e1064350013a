import { eq, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { queryRows } from '../../db/reader.ts';
import { before, type Paged } from '../../lib/paged.ts';
import { type NamedGroup, numbersOf } from '../evaluation/maturity-report.ts';
import { listNamedLevels } from '../evaluation/named-levels.ts';
import { countInScorecard } from './report.ts';
import { scorecards } from './table.ts';

/** A page of the scorecards with the levels of their services, in the order of their names. Null without `scorecard:read`. */
export async function listScorecards(
  ctx: Context,
  { page, size }: { page: number; size: number },
): Promise<Paged<NamedGroup> | null> {
  if (!ctx.unit.access.can('scorecard:read')) return null;
  const own = eq(scorecards.organizationId, tenant(ctx));
  const rows = await queryRows<{ id: string; name: string; total: number }>(
    await db(ctx),
    sql`select ${scorecards.id}, ${scorecards.name}, (count(*) over ())::int as total from ${scorecards}
      where ${own} order by lower(${scorecards.name}), ${scorecards.id} limit ${size} offset ${before(page, size)}`,
  );
  const ordered = await listNamedLevels(ctx);
  const counted = await Promise.all(rows.map(({ id }) => countInScorecard(ctx, id)));
  const items = rows.map(({ id, name }, at) => ({
    id,
    name,
    ...numbersOf(counted[at] ?? { services: 0, levels: [] }, ordered),
  }));
  return { items, page, size, total: rows[0]?.total ?? 0 };
}
