import { and, eq, gt, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { RoleSummary } from '../../access/model.ts';
import { type Context, tenant } from '../../context.ts';
import { pagesOf } from '../../data/loader.ts';
import { inProjects } from '../../data/project-scope.ts';
import type { Page, PageArgs } from '../../db/page.ts';
import { ofVisibleKinds, type PrincipalRow, principalReader } from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { assignments } from './table.ts';

/** The principals that have each of these roles, in the organization or in a project that the caller can read. */
const holdersBy = (given: PgColumn, next: PgColumn) =>
  pagesOf<PrincipalRow>((ctx) => ({
    reader: principalReader,
    where: (role) =>
      and(
        eq(principals.organizationId, tenant(ctx)),
        ofVisibleKinds(ctx),
        sql`exists (select from ${assignments} where ${and(
          eq(assignments.organizationId, tenant(ctx)),
          eq(assignments.principalId, principals.id),
          inForce(ctx, given, next, role),
          or(isNull(assignments.projectId), inProjects(ctx, assignments.projectId, 'project_member:read')),
        )})`,
      ) as SQL,
    asked: (role) => [tenant(ctx), role],
    order: [{ column: principals.id, key: (row) => row.id }],
  }));

/** Matches current holders: after a role expires, the fallback role counts. */
function inForce(ctx: Context, given: PgColumn, next: PgColumn, role: SQL): SQL | undefined {
  const now = ctx.dependencies.clock();
  return or(
    and(sql`${given} = ${role}`, or(isNull(assignments.expiresAt), gt(assignments.expiresAt, now))),
    and(sql`${next} = ${role}`, lte(assignments.expiresAt, now)),
  );
}

const holdersOfCustom = holdersBy(assignments.roleId, assignments.fallbackRoleId);
const holdersOfBuiltIn = holdersBy(assignments.builtInRoleId, assignments.fallbackBuiltInRoleId);

export const listHolders = (ctx: Context, role: RoleSummary, args: PageArgs): Promise<Page<PrincipalRow>> =>
  (role.builtIn === null ? holdersOfCustom : holdersOfBuiltIn)(ctx, role.id, args);
