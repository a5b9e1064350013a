import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { unrestricted } from '../../access/access.ts';
import { requireHeldChange } from '../../access/escalation.ts';
import { type AccessRows, grantsOverTime } from '../../access/grants.ts';
import { ROLES } from '../../access/roles.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { releaseReferences } from '../../data/references.ts';
import { readerOf } from '../../db/reader.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { andThen, type MaybePromise } from '../../lib/maybe-promise.ts';
import { requireSession } from '../principal/access.ts';
import { auditedRoles } from '../principal/audit.ts';
import { type AccessChanged, changeAccess, type LockedRows } from '../principal/change-access.ts';
import { deletePrincipal, lockPrincipal } from '../principal/membership.ts';
import {
  assign,
  findByUser,
  findPrincipal,
  getAssignableRole,
  isVisible,
  type PrincipalRow,
  publicIdOfPrincipal,
  type RoleAssignment,
} from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { findUserOfMember } from '../user/service.ts';
import { people } from '../user/table.ts';

export interface RoleInput {
  roleId?: string | null | undefined;
  roleExpiresAt?: Date | null | undefined;
  fallbackRoleId?: string | null | undefined;
  dryRun?: boolean | null | undefined;
}

/** The member with this ID. Null for a service account. */
export const findMember = (ctx: Context, id: string): MaybePromise<PrincipalRow | null> =>
  andThen(findPrincipal(ctx, id), (row) => (row?.userId ? row : null));

const readWithUser = readerOf<
  PrincipalRow & { userId: string; email: string | null; userName: string; userSince: Date }
>(
  principals,
  { ...getTableColumns(principals), email: people.email, userName: people.name, userSince: people.createdAt },
  sql`${principals} left join ${people} on ${people.organizationId} = ${principals.organizationId} and ${people.id} = ${principals.userId}`,
).readBy(principals.organizationId, principals.id);

/** Like `findMember`. Reads the user in the same statement, so that `findUserOfMember` needs none. */
export const findMemberWithUser = loaderOf<PrincipalRow>(async (ctx, ids) => {
  const found = await readWithUser(await db(ctx), tenant(ctx), ids);
  return found
    .filter(({ userId }) => userId !== null)
    .map(({ email, userName, userSince, ...member }) => {
      const user = email === null ? null : { id: member.userId, email, name: userName, createdAt: userSince };
      findUserOfMember.add(ctx, member.id, user && { id: member.id, user });
      return member;
    });
});

export async function findMemberByEmail(ctx: Context, email: string): Promise<PrincipalRow | null> {
  const [found] = await (await db(ctx))
    .select({ userId: people.id })
    .from(people)
    .where(and(eq(people.organizationId, tenant(ctx)), sql`lower(${people.email}) = lower(${email.trim()})`));
  return found ? await findMemberByUser(ctx, found.userId) : null;
}

export async function findMemberByUser(ctx: Context, userId: string): Promise<PrincipalRow | null> {
  const found = await findByUser(ctx, userId);
  return found ? await findMember(ctx, found.principalId) : null;
}

export async function getMember(ctx: Context, id: string): Promise<PrincipalRow> {
  const row = await findPrincipal(ctx, id);
  if (!row?.userId || !isVisible(ctx, row)) throw notFound('Member');
  return row;
}

/** A role from an input. The expiry is undefined if the input omits it. */
export type RequestedRole = Omit<RoleAssignment, 'expiresAt'> & { expiresAt: Date | null | undefined };

/**
 * The requested role with an expiry. Null if the principal already has it: an omitted expiry then stays as it is. Another
 * role than one that expires needs an explicit expiry, so that an omission never makes access permanent.
 */
function withExpiry(ctx: Context, { assignments }: AccessRows, principalId: string, requested: RequestedRole) {
  const { expiresAt } = requested;
  if (expiresAt !== undefined) return { ...requested, expiresAt };
  const now = assignments.find((row) => row.principalId === principalId && row.projectId === null);
  const hasExpired = now?.expiresAt != null && now.expiresAt <= ctx.dependencies.clock();
  if (!hasExpired && (now?.builtInRoleId ?? now?.roleId) === requested.role.id) return null;
  if (now?.expiresAt == null) return { ...requested, expiresAt: null };
  throw invalid(
    userError(
      'REQUIRED',
      'roleExpiresAt',
      'roleExpiresAt: is required, because the current role expires. Null makes the new role permanent.',
    ),
  );
}

/**
 * The role that an input assigns, with its expiry. Null if the input does not change the role. A role that expires needs
 * a fallback role, so that every principal always has a role.
 */
export async function roleAssignmentOf(ctx: Context, input: RoleInput): Promise<RequestedRole | null> {
  const { roleId, roleExpiresAt: expiresAt, fallbackRoleId } = input;
  if (roleId === null)
    throw invalid(userError('REQUIRED', 'roleId', 'roleId: must not be null, because every member has a role.'));
  if (roleId === undefined) {
    if (expiresAt === undefined && fallbackRoleId === undefined) return null;
    throw invalid(userError('REQUIRED', 'roleId', 'roleId: is required with roleExpiresAt or fallbackRoleId.'));
  }
  const role = await getAssignableRole(ctx, roleId, null, 'roleId');
  if (expiresAt && expiresAt <= ctx.dependencies.clock())
    throw invalid(userError('INVALID', 'roleExpiresAt', 'roleExpiresAt: must be in the future.'));
  if ((expiresAt == null) !== (fallbackRoleId == null))
    throw invalid(
      userError(
        'REQUIRED',
        expiresAt == null ? 'roleExpiresAt' : 'fallbackRoleId',
        'roleExpiresAt and fallbackRoleId are required together.',
      ),
    );
  const fallback = fallbackRoleId == null ? null : await getAssignableRole(ctx, fallbackRoleId, null, 'fallbackRoleId');
  return { role, expiresAt, fallback };
}

export async function updateMember(ctx: Context, id: string, input: RoleInput): Promise<AccessChanged<PrincipalRow>> {
  const member = await getMember(ctx, id);
  const assignment = await roleAssignmentOf(ctx, input);
  return await changeRole(ctx, member, assignment, 'member:update', input.dryRun ?? false);
}

/** Assigns another organization role to a member or a service account. */
export async function changeRole(
  ctx: Context,
  principal: PrincipalRow,
  requested: RequestedRole | null,
  permission: 'member:update' | 'service_account:update',
  dryRun: boolean,
): Promise<AccessChanged<PrincipalRow>> {
  const changed = await changeAccess(ctx, {
    permission,
    affected: () => [principal.id],
    dryRun,
    apply: async (locked) => {
      requireHeldBy(ctx, locked, principal);
      const assignment = requested && withExpiry(ctx, locked.rows, principal.id, requested);
      if (assignment) await assign(ctx, principal.id, assignment);
      return principal;
    },
  });
  audit(ctx, { before: auditedRoles(principal, changed.before), after: auditedRoles(principal, changed.after) });
  return changed;
}

/** Throws NOT_HELD for a principal with permissions that the caller does not have, even if nothing would change. */
function requireHeldBy(ctx: Context, { rows, access }: LockedRows, principal: PrincipalRow): void {
  const current = grantsOverTime(rows, principal.id, ctx.dependencies.clock());
  // It may have been deleted before the lock was acquired.
  if (current.length === 0) throw notFound(principal.userId ? 'Member' : 'ServiceAccount');
  for (const grants of current)
    requireHeldChange(
      access,
      { before: unrestricted(grants), after: null },
      'Acting on this member or service account',
    );
}

export const deleteMember = async (ctx: Context, id: string, dryRun: boolean): Promise<AccessChanged<string>> =>
  await removePrincipal(ctx, await getMember(ctx, id), 'member:delete', dryRun);

/** Deletes a member or a service account. References to it, such as the owner of a check, are cleared. */
export async function removePrincipal(
  ctx: Context,
  principal: PrincipalRow,
  permission: 'member:delete' | 'service_account:delete' | null,
  dryRun: boolean,
  field: 'id' | null = 'id',
): Promise<AccessChanged<string>> {
  const publicId = publicIdOfPrincipal(principal);
  audit(ctx, { targetId: publicId });
  const changed = await changeAccess(ctx, {
    permission,
    affected: () => [principal.id],
    dryRun,
    field,
    apply: async () => {
      const noun = principal.userId ? 'member' : 'service account';
      await Promise.all([lockPrincipal(ctx, principal), releaseReferences(ctx, principals, noun, principal.id)]);
      // It may have been deleted before the lock was acquired.
      if (!(await deletePrincipal(ctx, principal))) throw notFound(principal.userId ? 'Member' : 'ServiceAccount');
      return publicId;
    },
  });
  audit(ctx, { before: auditedRoles(principal, changed.before), after: null });
  return changed;
}

/** Ends the caller's own membership. */
export async function leaveOrganization(ctx: Context, dryRun: boolean): Promise<AccessChanged<string>> {
  requireSession(ctx);
  ctx.unit.access.requireOrganization();
  return await removePrincipal(ctx, await getMember(ctx, ctx.unit.actor.principal?.id ?? ''), null, dryRun, null);
}

/** Makes the member Owner and the caller Admin in one change. */
export async function transferOwnership(
  ctx: Context,
  id: string,
  dryRun: boolean,
): Promise<AccessChanged<PrincipalRow>> {
  requireSession(ctx);
  const member = await getMember(ctx, id);
  const giver = await getMember(ctx, ctx.unit.actor.principal?.id ?? '');
  if (member.id === giver.id) throw invalid(userError('INVALID', 'memberId', 'memberId: you are already an Owner.'));
  const builtIn = (key: string) => ROLES.find((role) => role.scope === 'organization' && role.builtIn === key);
  const [owner, admin] = [builtIn('owner'), builtIn('admin')];
  if (!owner || !admin) throw new Error('the built-in roles are incomplete');
  const changed = await changeAccess(ctx, {
    permission: 'organization:transfer',
    affected: () => [member.id, giver.id],
    dryRun,
    apply: async () => {
      await assign(ctx, member.id, { role: owner, expiresAt: null, fallback: null });
      await assign(ctx, giver.id, { role: admin, expiresAt: null, fallback: null });
      return member;
    },
  });
  const changeOf = (principal: PrincipalRow) => ({
    targetId: publicIdOfPrincipal(principal),
    before: auditedRoles(principal, changed.before),
    after: auditedRoles(principal, changed.after),
  });
  audit(ctx, { ...changeOf(member), related: [changeOf(giver)] });
  return changed;
}
