import { and, eq, isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import type { Target } from '../../access/access.ts';
import { requireHeldRole } from '../../access/escalation.ts';
import { loadPrincipalRoles } from '../../access/load-principal-roles.ts';
import type { Grants, Role } from '../../access/model.ts';
import { reachOf } from '../../access/reach.ts';
import { type Context, db, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { rowsOf } from '../../data/rows.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { decodeId, fromPublicId, toPublicId } from '../../lib/ids.ts';
import { assignments } from '../role/table.ts';
import { findUserOfMember } from '../user/service.ts';
import { canReadRole, findAnyRole, findGrants, planOf } from './access.ts';
import { principals } from './table.ts';

export type PrincipalRow = typeof principals.$inferSelect;
export type Kind = 'member' | 'service account';

const rows = rowsOf(principals, 'mem');

export const findPrincipal = rows.find;
export const principalReader = rows.reader;

export const kindOf = (row: PrincipalRow): Kind => (row.userId ? 'member' : 'service account');

/** The name of the person or of the service account. */
export const nameOf = async (ctx: Context, row: PrincipalRow): Promise<string> =>
  row.name ?? (await findUserOfMember(ctx, row.id))?.user.name ?? '';

export const publicIdOfPrincipal = (row: PrincipalRow): string => toPublicId(row.userId ? 'mem' : 'sva', row.id);

export const ofKind = (kind: Kind): SQL =>
  (kind === 'member' ? isNotNull(principals.userId) : isNull(principals.userId)) as SQL;

export async function listPrincipals(ctx: Context, kind: Kind | null, args: PageArgs): Promise<Page<PrincipalRow>> {
  const where = and(eq(principals.organizationId, tenant(ctx)), kind ? ofKind(kind) : ofVisibleKinds(ctx)) as SQL;
  const order = [{ column: principals.id, key: (row: PrincipalRow) => row.id }];
  return await listPage<PrincipalRow>(
    await db(ctx),
    { reader: rows.reader, where, asked: [tenant(ctx), kind], order },
    args,
  );
}

/** Filters in SQL, so that a list of both kinds contains nothing that the guards of its types refuse. */
export function ofVisibleKinds(ctx: Context): SQL | undefined {
  const [members, accounts] = [ctx.unit.access.can('member:read'), ctx.unit.access.can('service_account:read')];
  if (members && accounts) return undefined;
  if (members || accounts) return ofKind(members ? 'member' : 'service account');
  return sql`false`;
}

/** Whether it is the caller, who needs no permission to see itself. */
export const isSelf = (row: PrincipalRow, ctx: Context): boolean => row.id === ctx.unit.actor.principal?.id;

/** The caller can see itself, and with the permission for their kind other principals. */
export const isVisible = (ctx: Context, row: PrincipalRow): boolean =>
  isSelf(row, ctx) || ctx.unit.access.can(row.userId ? 'member:read' : 'service_account:read');

/** The principal with this public id of either kind, or null. */
export async function findByPublicId(ctx: Context, id: string): Promise<PrincipalRow | null> {
  const decoded = decodeId(id);
  if (decoded?.prefix !== 'mem' && decoded?.prefix !== 'sva') return null;
  const row = await findPrincipal(ctx, decoded.uuid);
  return row && (kindOf(row) === 'member') === (decoded.prefix === 'mem') && isVisible(ctx, row) ? row : null;
}

/** The member for a user. Null if the user is not a member of this organization. */
export const findByUser = loaderOf<{ id: string; principalId: string }>(async (ctx, userIds) => {
  const found = await (await db(ctx))
    .select({ id: principals.userId, principalId: principals.id })
    .from(principals)
    .where(and(eq(principals.organizationId, tenant(ctx)), isAnyOf(principals.userId, userIds)));
  return found.map(({ id, principalId }) => ({ id: id ?? '', principalId }));
});

/** The current grants of a principal, loaded once for a whole response. */
export const grantsOf = loaderOf<{ id: string; grants: Grants }>(async (ctx, ids) => {
  const all = await findGrants(ctx, ids);
  return [...all].map(([id, grants]) => ({ id, grants }));
});

/** Whether the caller may change or remove a principal, as far as its roles are concerned. */
export const findReach = loaderOf<{ id: string; changeable: boolean; removable: boolean }>(async (ctx, ids) => {
  const callerId = ctx.unit.actor.principal?.id ?? '';
  const principalIds = [...new Set([...ids, callerId])];
  const state = { ...(await loadPrincipalRoles(await db(ctx), tenant(ctx), { principalIds })), plan: planOf(ctx) };
  const reach = await reachOf(ctx.unit.access, state, callerId, ctx.dependencies.clock());
  return ids.map((id) => ({ id, changeable: reach.changeable.has(id), removable: reach.removable.has(id) }));
});

export type AssignmentRow = typeof assignments.$inferSelect;

/** The organization assignment of each principal. */
export const findAssignment = loaderOf<AssignmentRow>(async (ctx, ids) => {
  const found = await (await db(ctx))
    .select()
    .from(assignments)
    .where(
      and(
        eq(assignments.organizationId, tenant(ctx)),
        isNull(assignments.projectId),
        isAnyOf(assignments.principalId, ids),
      ),
    );
  return found.map((row) => ({ ...row, id: row.principalId }));
});

/** Whether a role can be assigned in this scope: a project, or null for the organization. */
export const isAssignableIn = (role: Role, scope: Target): boolean =>
  scope === null ? role.scope !== 'project' : role.scope !== 'organization' && (role.projectId ?? scope) === scope;

/** The role with this public id. Throws unless the caller can assign it in this scope. */
export async function getAssignableRole(
  ctx: Context,
  id: string,
  scope: Target,
  path: string | string[],
  find: (ctx: Context, id: string) => Promise<Role | null> = findAnyRole,
): Promise<Role> {
  const field = [path].flat().join('.');
  const uuid = fromPublicId('rol', id);
  const role = uuid && (await find(ctx, uuid));
  // A role that is not visible to the caller does not exist for the caller.
  if (!role || !canReadRole(ctx, role))
    throw invalid(userError('NOT_FOUND', path, `${field}: there is no role with this ID.`));
  if (!isAssignableIn(role, scope)) {
    const where = scope === null ? 'in the organization' : 'in this project';
    throw invalid(userError('INVALID', path, `${field}: the role ${role.name} cannot be assigned ${where}.`));
  }
  if (role.builtIn === null) ctx.unit.access.requireFeature('customRoles');
  // Also if a denial or a greater role of the principal hides what this role grants, because those can be removed later.
  requireHeldRole(ctx.unit.access, role, scope, `Assigning the role ${role.name}`);
  return role;
}

/** A role as an assignment stores it. */
export const roleColumns = (role: Role | null): { builtInRoleId: string | null; roleId: string | null } => ({
  builtInRoleId: role?.builtIn != null ? role.id : null,
  roleId: role && role.builtIn === null ? role.id : null,
});

export interface RoleAssignment {
  role: Role;
  expiresAt: Date | null;
  fallback: Role | null;
}

/** Assigns the organization role and replaces the previous one. */
export async function assign(
  ctx: Context,
  principalId: string,
  { role, expiresAt, fallback }: RoleAssignment,
): Promise<void> {
  const own = and(
    eq(assignments.organizationId, tenant(ctx)),
    eq(assignments.principalId, principalId),
    isNull(assignments.projectId),
  );
  const { builtInRoleId: fallbackBuiltInRoleId, roleId: fallbackRoleId } = roleColumns(fallback);
  const values = { ...roleColumns(role), expiresAt, fallbackBuiltInRoleId, fallbackRoleId };
  const tx = await db(ctx);
  const changed = await tx.update(assignments).set(values).where(own).returning({ id: assignments.id });
  if (changed.length === 0)
    await tx.insert(assignments).values({ ...values, organizationId: tenant(ctx), principalId });
}

/** The ids of all principals that the caller can see. */
export async function visibleIds(ctx: Context): Promise<Set<string>> {
  const found = await (await db(ctx))
    .select({ id: principals.id })
    .from(principals)
    .where(and(eq(principals.organizationId, tenant(ctx)), ofVisibleKinds(ctx)));
  return new Set(found.map(({ id }) => id));
}
