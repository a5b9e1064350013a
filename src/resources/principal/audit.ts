import { and, eq } from 'drizzle-orm';
import type { AccessRows } from '../../access/grants.ts';
import type { Role } from '../../access/model.ts';
import { findBuiltIn } from '../../access/roles.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { loaderOf } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import { toPublicId } from '../../lib/ids.ts';
import { roles } from '../role/table.ts';
import { findPrincipal, type PrincipalRow, publicIdOfPrincipal } from './service.ts';

/** A role in the audit log, with its name at that time. */
export interface AuditedRole {
  id: string;
  name: string;
}

export const auditedRole = ({ id, name }: Pick<Role, 'id' | 'name'>): AuditedRole => ({
  id: toPublicId('rol', id),
  name,
});

/** Read once for all roles of an event: one mutation can create many invitations with many roles. */
const findRoleNames = loaderOf<Pick<Role, 'id' | 'name'>>(async (ctx, ids) =>
  (await db(ctx))
    .select({ id: roles.id, name: roles.name })
    .from(roles)
    .where(and(eq(roles.organizationId, tenant(ctx)), isAnyOf(roles.id, ids))),
);

/** The role with this ID in the form of the audit log. Null for null. The name of a deleted role is empty. */
export const findAuditedRole = async (ctx: Context, id: string | null): Promise<AuditedRole | null> =>
  id === null ? null : auditedRole(findBuiltIn(id) ?? (await findRoleNames(ctx, id)) ?? { id, name: '' });

/** The roles of a principal in the form of the audit log. */
export function auditedRoles(principal: PrincipalRow, { assignments, roles: custom }: AccessRows): object {
  const roleOf = (id: string | null): AuditedRole | null =>
    id === null ? null : auditedRole(findBuiltIn(id) ?? custom.get(id) ?? { id, name: '' });
  return {
    id: publicIdOfPrincipal(principal),
    roles: assignments
      .filter((row) => row.principalId === principal.id)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((row) => ({
        projectId: row.projectId && toPublicId('prj', row.projectId),
        role: roleOf(row.builtInRoleId ?? row.roleId),
        expiresAt: row.expiresAt,
        fallbackRole: roleOf(row.fallbackBuiltInRoleId ?? row.fallbackRoleId),
        inactive: row.inactive,
      })),
  };
}

/** Adds these members and service accounts to the objects that the mutation touched. */
export async function auditPrincipals(ctx: Context, ids: Iterable<string>): Promise<void> {
  const found = await Promise.all([...new Set(ids)].map((id) => findPrincipal(ctx, id)));
  const touched = found.flatMap((row) => (row ? [{ id: publicIdOfPrincipal(row), projectId: null }] : []));
  audit(ctx, { touched });
}
