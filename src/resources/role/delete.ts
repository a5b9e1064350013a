import { and, eq, isNull, or } from 'drizzle-orm';
import type { RoleSummary } from '../../access/model.ts';
import { type Context, db, tenant } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { holdersOf } from '../policy/service.ts';
import { auditPrincipals } from '../principal/audit.ts';
import { type AccessChanged, changeAccessOfMany } from '../principal/change-access.ts';
import { findPrincipal, getAssignableRole, kindOf, roleColumns } from '../principal/service.ts';
import { requireHeldRoleById, roleRows } from './definition.ts';
import { assignments } from './table.ts';

interface DeleteInput {
  reassignTo?: string | null | undefined;
  dryRun?: boolean | null | undefined;
}

/** Deletes a role that grants no more than the caller has. Fails with IN_USE and the holders unless `reassignTo` names their new role. */
export async function deleteRole(ctx: Context, role: RoleSummary, input: DeleteInput): Promise<AccessChanged<string>> {
  return await changeAccessOfMany(ctx, {
    permission: 'role:delete',
    target: role.projectId,
    affected: () => holdersOf(ctx, [role.id]),
    dryRun: input.dryRun ?? false,
    apply: async () => {
      const locked = await roleRows.lock(ctx, role.id);
      await requireHeldRoleById(ctx, role.id, `Deleting the role ${locked.name}`);
      await replace(ctx, role, input.reassignTo ?? null);
      return await roleRows.remove(ctx, locked);
    },
  });
}

async function replace(ctx: Context, role: RoleSummary, reassignTo: string | null): Promise<void> {
  const tx = await db(ctx);
  const here = eq(assignments.organizationId, tenant(ctx));
  const used = await tx
    .select()
    .from(assignments)
    .where(and(here, or(eq(assignments.roleId, role.id), eq(assignments.fallbackRoleId, role.id))));
  if (used.length === 0) return;
  if (reassignTo === null) throw await inUse(ctx, used);
  await auditPrincipals(
    ctx,
    used.map(({ principalId }) => principalId),
  );
  for (const scope of new Set(used.map(({ projectId }) => projectId))) {
    const next = await getAssignableRole(ctx, reassignTo, scope, 'reassignTo');
    if (next.id === role.id)
      throw invalid(userError('INVALID', 'reassignTo', 'reassignTo: must be another role than the deleted one.'));
    const at = and(here, scope === null ? isNull(assignments.projectId) : eq(assignments.projectId, scope));
    await tx
      .update(assignments)
      .set(roleColumns(next))
      .where(and(at, eq(assignments.roleId, role.id)));
    const { builtInRoleId: fallbackBuiltInRoleId, roleId: fallbackRoleId } = roleColumns(next);
    await tx
      .update(assignments)
      .set({ fallbackBuiltInRoleId, fallbackRoleId })
      .where(and(at, eq(assignments.fallbackRoleId, role.id)));
  }
}

async function inUse(ctx: Context, used: (typeof assignments.$inferSelect)[]) {
  // Assignments in projects that are not visible to the caller are neither listed nor counted.
  const visibleUses = used.filter(
    ({ projectId }) => projectId === null || ctx.unit.access.can('project_member:read', projectId),
  );
  const ids = [...new Set(visibleUses.map(({ principalId }) => principalId))];
  const found = await Promise.all(ids.slice(0, 100).map((id) => findPrincipal(ctx, id)));
  const visible = found
    .filter((row) => row !== null)
    .filter((row) => ctx.unit.access.can(row.userId ? 'member:read' : 'service_account:read'));
  return invalid({
    ...userError(
      'IN_USE',
      'id',
      'Members or service accounts have this role. Name another role in reassignTo, or assign other roles to them first.',
    ),
    usedBy: visible.map((row) => ({ __typename: kindOf(row) === 'member' ? 'Member' : 'ServiceAccount', ...row })),
  });
}
