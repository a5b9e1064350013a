import { and, eq, isNull, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { ofServices } from '../../data/service-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { currentStatus } from './status.ts';
import { type CheckStatus, checkResults } from './table.ts';

/** How many services have each status for a check. */
export type CheckStats = Readonly<Record<CheckStatus, number>>;

const NONE: CheckStats = { PASSED: 0, FAILED: 0, PENDING: 0 };

/** The numbers of each check, with one statement for all checks of a response. */
export const findStats = batched<CheckStats>(async (ctx: Context, ids) => {
  const status = currentStatus(ctx.dependencies.clock());
  const counted = await (await db(ctx))
    .select({ id: checkResults.checkId, status, services: sql<number>`count(*)::int` })
    .from(checkResults)
    .where(
      and(
        eq(checkResults.organizationId, tenant(ctx)),
        isAnyOf(checkResults.checkId, ids),
        isNull(checkResults.replacedAt),
        ofServices(ctx, checkResults.serviceId, 'check_result:read'),
      ),
    )
    .groupBy(checkResults.checkId, sql`2`);
  const stats = new Map<string, CheckStats>(ids.map((id) => [id, NONE]));
  for (const { id, status: one, services } of counted) stats.set(id, { ...(stats.get(id) ?? NONE), [one]: services });
  return stats;
});
