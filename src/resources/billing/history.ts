import { and, desc, eq, isNull } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import type { Plan } from '../../lib/plans.ts';
import { planPeriods } from './table.ts';

export type PlanPeriod = typeof planPeriods.$inferSelect;

/** The number of periods that `Billing.history` returns. */
export const MAX_HISTORY = 100;

/** The plans of the organization, newest first. */
export async function listPlanPeriods(ctx: Context, limit = MAX_HISTORY): Promise<PlanPeriod[]> {
  return await (await db(ctx))
    .select()
    .from(planPeriods)
    .where(eq(planPeriods.organizationId, tenant(ctx)))
    .orderBy(desc(planPeriods.startedAt), desc(planPeriods.id))
    .limit(limit);
}

/** Adds the plan to the history and ends the period of the previous plan. Runs in the transaction of the change. */
export async function beginPlanPeriod(ctx: Context, plan: Plan, changedBy: string | null): Promise<void> {
  const tx = await db(ctx);
  const now = ctx.dependencies.clock();
  await tx
    .update(planPeriods)
    .set({ endedAt: now })
    .where(and(eq(planPeriods.organizationId, tenant(ctx)), isNull(planPeriods.endedAt)));
  await tx.insert(planPeriods).values({ organizationId: tenant(ctx), plan, startedAt: now, changedBy });
}
