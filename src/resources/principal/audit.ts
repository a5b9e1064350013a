import type { AccessRows } from '../../access/grants.ts';
import { toPublicId } from '../../lib/ids.ts';
import { type PrincipalRow, publicIdOfPrincipal } from './service.ts';

const publicRoleId = (builtInId: string | null, customId: string | null): string | null => {
  const id = builtInId ?? customId;
  return id && toPublicId('rol', id);
};

/** The roles of a principal in the form of the audit log. */
export const auditedRoles = (principal: PrincipalRow, { assignments }: AccessRows): object => ({
  id: publicIdOfPrincipal(principal),
  roles: assignments
    .filter((row) => row.principalId === principal.id)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((row) => ({
      projectId: row.projectId && toPublicId('prj', row.projectId),
      roleId: publicRoleId(row.builtInRoleId, row.roleId),
      expiresAt: row.expiresAt,
      fallbackRoleId: publicRoleId(row.fallbackBuiltInRoleId, row.fallbackRoleId),
    })),
});
