import { and, eq } from 'drizzle-orm';
import { ROLES } from '../../access/roles.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { releaseReferences } from '../../data/references.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { findGrants, requireContainsPrincipal, requireSession } from '../principal/access.ts';
import { type AccessChanged, assignmentShown } from '../principal/change.ts';
import { changeAccess } from '../principal/change-access.ts';
import {
  assign,
  findPrincipal,
  getAssignableRole,
  isVisible,
  type PrincipalRow,
  type RoleAssignment,
} from '../principal/service.ts';
import { principals } from '../principal/table.ts';

export interface RoleInput {
  roleId?: string | null | undefined;
  expiresAt?: Date | null | undefined;
  fallbackRoleId?: string | null | undefined;
  dryRun?: boolean | null | undefined;
}

export async function getMember(ctx: Context, id: string): Promise<PrincipalRow> {
  const row = await findPrincipal(ctx, id);
  if (!row?.userId || !isVisible(ctx, row)) throw notFound('Member');
  return row;
}

/**
 * The role that an input asks for, with its end. Null when it leaves the role as it is. A role that ends by itself
 * names what follows it, so that nobody is ever without a role.
 */
export async function roleAssignmentOf(ctx: Context, input: RoleInput): Promise<RoleAssignment | null> {
  const { roleId, expiresAt, fallbackRoleId } = input;
  if (roleId === null) throw invalid(userError('REQUIRED', 'roleId', 'roleId: there is always a role.'));
  if (roleId === undefined) {
    if (expiresAt === undefined && fallbackRoleId === undefined) return null;
    throw invalid(userError('REQUIRED', 'roleId', 'roleId: an end is given together with the role that ends.'));
  }
  const role = await getAssignableRole(ctx, roleId, null, 'roleId');
  if (expiresAt && expiresAt <= ctx.dependencies.clock())
    throw invalid(userError('INVALID', 'expiresAt', 'expiresAt: must be in the future.'));
  if ((expiresAt == null) !== (fallbackRoleId == null))
    throw invalid(
      userError(
        'REQUIRED',
        expiresAt == null ? 'expiresAt' : 'fallbackRoleId',
        'expiresAt and fallbackRoleId go together: a role that ends names the role that follows.',
      ),
    );
  const fallback = fallbackRoleId == null ? null : await getAssignableRole(ctx, fallbackRoleId, null, 'fallbackRoleId');
  return { role, expiresAt: expiresAt ?? null, fallback };
}

export async function updateMember(ctx: Context, id: string, input: RoleInput): Promise<AccessChanged<PrincipalRow>> {
  const member = await getMember(ctx, id);
  const term = await roleAssignmentOf(ctx, input);
  return await changeRole(ctx, member, term, 'member:update', input.dryRun ?? false);
}

/** Gives a member or a service account another organization role. */
export async function changeRole(
  ctx: Context,
  principal: PrincipalRow,
  term: RoleAssignment | null,
  permission: 'member:update' | 'service_account:update',
  dryRun: boolean,
): Promise<AccessChanged<PrincipalRow>> {
  return await changeAccess(ctx, {
    permission,
    affected: () => [principal.id],
    dryRun,
    apply: async () => {
      await requireWithin(ctx, principal);
      const before = await assignmentShown(ctx, principal.id);
      if (term) await assign(ctx, principal.id, term);
      audit(ctx, { before, after: await assignmentShown(ctx, principal.id) });
      return principal;
    },
  });
}

/** Nobody acts on a principal who holds more than they do, also when nothing would change. */
async function requireWithin(ctx: Context, principal: PrincipalRow): Promise<void> {
  const held = (await findGrants(ctx, [principal.id])).get(principal.id);
  // Gone while the lock was waited for.
  if (!held) throw notFound(principal.userId ? 'Member' : 'ServiceAccount');
  await requireContainsPrincipal(ctx, principal.id, 'WRITE', 'Changing this principal');
}

export async function deleteMember(ctx: Context, id: string, dryRun: boolean): Promise<AccessChanged<string>> {
  const member = await getMember(ctx, id);
  return await changeAccess(ctx, {
    permission: 'member:delete',
    affected: () => [id],
    dryRun,
    apply: () => removePrincipal(ctx, member, 'mem'),
  });
}

/** Sessions, tokens, roles and the ownership of checks go with the principal: foreign keys see to it. */
export async function removePrincipal(ctx: Context, principal: PrincipalRow, prefix: 'mem' | 'sva'): Promise<string> {
  const before = await assignmentShown(ctx, principal.id);
  await releaseReferences(ctx, principals, prefix === 'mem' ? 'member' : 'service account', principal.id);
  const gone = await (await db(ctx))
    .delete(principals)
    .where(and(eq(principals.organizationId, tenant(ctx)), eq(principals.id, principal.id)))
    .returning({ id: principals.id });
  // Whoever waited for the lock may come too late.
  if (gone.length === 0) throw notFound(prefix === 'mem' ? 'Member' : 'ServiceAccount');
  audit(ctx, { targetId: toPublicId(prefix, principal.id), before, after: null });
  return toPublicId(prefix, principal.id);
}

/** One's own membership; the last Owner stays. */
export async function leaveOrganization(ctx: Context, dryRun: boolean): Promise<AccessChanged<string>> {
  requireSession(ctx);
  ctx.unit.access.requireOrganization();
  const member = await getMember(ctx, ctx.unit.actor.principal?.id ?? '');
  return await changeAccess(ctx, {
    permission: null,
    affected: () => [member.id],
    dryRun,
    apply: () => removePrincipal(ctx, member, 'mem'),
  });
}

/** The member becomes Owner and the caller Admin, in one. */
export async function transferOwnership(
  ctx: Context,
  id: string,
  dryRun: boolean,
): Promise<AccessChanged<PrincipalRow>> {
  requireSession(ctx);
  const member = await getMember(ctx, id);
  const giver = await getMember(ctx, ctx.unit.actor.principal?.id ?? '');
  if (member.id === giver.id) throw invalid(userError('INVALID', 'id', 'id: you are Owner already.'));
  const builtIn = (key: string) => ROLES.find((role) => role.scope === 'organization' && role.builtIn === key);
  const [owner, admin] = [builtIn('owner'), builtIn('admin')];
  if (!owner || !admin) throw new Error('the built-in roles are incomplete');
  return await changeAccess(ctx, {
    permission: 'organization:transfer',
    affected: () => [member.id, giver.id],
    dryRun,
    apply: async () => {
      const before = await Promise.all([assignmentShown(ctx, giver.id), assignmentShown(ctx, member.id)]);
      await assign(ctx, member.id, { role: owner, expiresAt: null, fallback: null });
      await assign(ctx, giver.id, { role: admin, expiresAt: null, fallback: null });
      const after = await Promise.all([assignmentShown(ctx, giver.id), assignmentShown(ctx, member.id)]);
      audit(ctx, { targetId: toPublicId('mem', member.id), before, after });
      return member;
    },
  });
}
