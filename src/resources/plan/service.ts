import { and, count, eq, gt, isNotNull } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { inProjects } from '../../data/project-scope.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { Plan } from '../../lib/plans.ts';
import { invitations } from '../invitation/table.ts';
import { organizations } from '../organization/table.ts';
import { type AccessChanged, changeAccess } from '../principal/change-access.ts';
import { principals } from '../principal/table.ts';
import { projects } from '../project/table.ts';

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
  const [invited] = await tx
    .select({ total: count() })
    .from(invitations)
    .where(and(eq(invitations.organizationId, own), gt(invitations.expiresAt, ctx.dependencies.clock())));
  const [made] = await tx
    .select({ total: count() })
    .from(projects)
    .where(and(eq(projects.organizationId, own), inProjects(ctx, projects.id, 'project:read')));
  return { seats: (await countMembers(ctx)) + (invited?.total ?? 0), projects: made?.total ?? 0 };
}

/** Roles with features that the new plan does not include are suspended. Nothing is deleted. */
export async function updatePlan(ctx: Context, plan: Plan, dryRun: boolean): Promise<AccessChanged<Plan>> {
  return await changeAccess(ctx, {
    permission: 'billing:update',
    dryRun,
    plan,
    apply: async ({ organization: before }) => {
      await (await db(ctx))
        .update(organizations)
        .set({ plan })
        .where(eq(organizations.id, tenant(ctx)));
      const id = toPublicId('org', tenant(ctx));
      audit(ctx, { targetId: id, before: { id, plan: before.plan }, after: { id, plan } });
      return plan;
    },
  });
}
