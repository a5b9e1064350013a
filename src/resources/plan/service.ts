import { and, count, countDistinct, eq, gt, isNotNull, not, sql } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { inProjects } from '../../data/project-scope.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { Plan } from '../../lib/plans.ts';
import { beginPlanPeriod } from '../billing/history.ts';
import { invitations } from '../invitation/table.ts';
import { organizations } from '../organization/table.ts';
import { type AccessChanged, changeAccessOfMany } from '../principal/change-access.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';
import { people } from '../user/table.ts';

export interface Usage {
  seats: number;
  projects: number;
}

export async function countMembers(ctx: Context): Promise<number> {
  const [members] = await (await db(ctx))
    .select({ total: count() })
    .from(principals)
    .where(and(eq(principals.organizationId, tenant(ctx)), isNotNull(principals.userId)));
  return members?.total ?? 0;
}

/** Members and invitations that have not expired use seats. Hidden projects are not counted. */
export async function usageOf(ctx: Context): Promise<Usage> {
  const tx = await db(ctx);
  const own = tenant(ctx);
  // An address can have several invitations, and a member can be invited to a project.
  const isMember = sql`exists (select from ${people}
    where ${people.organizationId} = ${own} and lower(${people.email}) = lower(${invitations.email}))`;
  const [invited] = await tx
    .select({ total: countDistinct(sql`lower(${invitations.email})`) })
    .from(invitations)
    .where(
      and(eq(invitations.organizationId, own), gt(invitations.expiresAt, ctx.dependencies.clock()), not(isMember)),
    );
  const [made] = await tx
    .select({ total: count() })
    .from(projects)
    .where(and(eq(projects.organizationId, own), inProjects(ctx, projects.id, 'project:read')));
  return { seats: (await countMembers(ctx)) + (invited?.total ?? 0), projects: made?.total ?? 0 };
}

/**
 * The most seats that can be in use: each pending invitation counts, also a second one to an address and one to a member.
 * From the exact number, an inviter who sees neither members nor invitations could find out whether an address is one of
 * them.
 */
export async function maxSeatUsage(ctx: Context): Promise<number> {
  const isPending = gt(invitations.expiresAt, ctx.dependencies.clock());
  const [pending] = await (await db(ctx))
    .select({ total: count() })
    .from(invitations)
    .where(and(eq(invitations.organizationId, tenant(ctx)), isPending));
  return (await countMembers(ctx)) + (pending?.total ?? 0);
}

/** Roles with features that the new plan does not include are suspended. Nothing is deleted. */
export async function updatePlan(ctx: Context, plan: Plan, dryRun: boolean): Promise<AccessChanged<Plan>> {
  return await changeAccessOfMany(ctx, {
    permission: 'billing:update',
    keepsAssignments: true,
    dryRun,
    plan,
    apply: async ({ organization: before }) => {
      await (await db(ctx))
        .update(organizations)
        .set({ plan })
        .where(eq(organizations.id, tenant(ctx)));
      if (plan !== before.plan) await beginPlanPeriod(ctx, plan, ctx.unit.actor.principal?.id ?? null);
      const id = toPublicId('org', tenant(ctx));
      audit(ctx, { targetId: id, before: { id, plan: before.plan }, after: { id, plan } });
      return plan;
    },
  });
}
