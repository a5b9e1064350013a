import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { toPublicId } from '../../lib/ids.ts';
import { assignments } from '../role/table.ts';
import { findPrincipal, publicIdOfPrincipal } from './service.ts';

/** What a mutation that changes access answers. */
export interface AccessChanged<Result> {
  result: Result;
  accessChanges: { principalId: string; projectId: string | null; gained: string[]; lost: string[] }[];
}

const roleId = (builtInId: string | null, customId: string | null): string | null => {
  const id = builtInId ?? customId;
  return id && toPublicId('rol', id);
};

/** The roles of a principal as the audit log shows them. */
export async function assignmentShown(ctx: Context, principalId: string): Promise<unknown> {
  const principal = await findPrincipal(ctx, principalId);
  const rows = await (await db(ctx))
    .select()
    .from(assignments)
    .where(and(eq(assignments.organizationId, tenant(ctx)), eq(assignments.principalId, principalId)))
    .orderBy(assignments.id);
  return {
    id: principal && publicIdOfPrincipal(principal),
    roles: rows.map((row) => ({
      projectId: row.projectId && toPublicId('prj', row.projectId),
      roleId: roleId(row.builtInRoleId, row.roleId),
      expiresAt: row.expiresAt,
      fallbackRoleId: roleId(row.fallbackBuiltInRoleId, row.fallbackRoleId),
    })),
  };
}
