import { and, eq, isNotNull, or, type SQL, sql } from 'drizzle-orm';
import { grantsOfPrincipal } from '../../access/grants.ts';
import type { Role } from '../../access/model.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { loaderOf, pagesOf } from '../../data/loader.ts';
import { inProjects } from '../../data/project-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { readerOf } from '../../db/reader.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { fromPublicId, toPublicId } from '../../lib/ids.ts';
import { isFeatureSuspended } from '../principal/access.ts';
import { findAuditedRole } from '../principal/audit.ts';
import { type AccessChanged, changeAccess, type LockedRows } from '../principal/change-access.ts';
import {
  findByPublicId,
  findPrincipal,
  getAssignableRole,
  type PrincipalRow,
  publicIdOfPrincipal,
  roleColumns,
} from '../principal/service.ts';
import type { ProjectRow } from '../project/service.ts';
import { assignments } from '../role/table.ts';

export type ProjectMemberRow = typeof assignments.$inferSelect;

const assignmentReader = readerOf<ProjectMemberRow>(assignments);

export const listProjectMembers = pagesOf<ProjectMemberRow>((ctx) => ({
  reader: assignmentReader,
  where: (project) =>
    and(eq(assignments.organizationId, tenant(ctx)), sql`${assignments.projectId} = ${project}`) as SQL,
  asked: (project) => [tenant(ctx), project],
  order: [{ column: assignments.id, key: (row) => row.id }],
}));

/** The caller sees its own project roles, except in hidden projects, without `project_member:read`. */
export const isOwnProjectMember = (row: ProjectMemberRow, ctx: Context): boolean =>
  row.principalId === ctx.unit.actor.principal?.id && ctx.unit.access.can('project:read', row.projectId);

/** The project roles of members and service accounts, in projects that the caller can read. */
export const listProjectMembersOf = pagesOf<ProjectMemberRow>((ctx) => ({
  reader: assignmentReader,
  where: (principal) =>
    and(
      eq(assignments.organizationId, tenant(ctx)),
      sql`${assignments.principalId} = ${principal}`,
      isNotNull(assignments.projectId),
      or(
        inProjects(ctx, assignments.projectId, 'project_member:read'),
        and(
          eq(assignments.principalId, ctx.unit.actor.principal?.id ?? tenant(ctx)),
          inProjects(ctx, assignments.projectId, 'project:read'),
        ),
      ),
    ) as SQL,
  asked: (principal) => [tenant(ctx), 'principal', principal],
  order: [{ column: assignments.id, key: (row) => row.id }],
}));

const readProjectMember = loaderOf<ProjectMemberRow>(async (ctx, ids) => {
  const own = and(eq(assignments.organizationId, tenant(ctx)), isAnyOf(assignments.id, ids));
  return assignmentReader.read(await db(ctx), sql`where ${own} and ${isNotNull(assignments.projectId)}`);
});

export const findProjectMember = async (ctx: Context, id: string): Promise<ProjectMemberRow | null> => {
  const row = await readProjectMember(ctx, id);
  if (!row?.projectId) return null;
  return isOwnProjectMember(row, ctx) || ctx.unit.access.can('project_member:read', row.projectId) ? row : null;
};

/** Whether the plan suspends the project role. No access is never suspended. */
export const isMembershipSuspended = (ctx: Context, row: ProjectMemberRow): boolean =>
  !row.ofCreator &&
  ((row.roleId !== null && isFeatureSuspended(ctx, 'customRoles')) ||
    ((row.roleId ?? row.builtInRoleId) !== null && isFeatureSuspended(ctx, 'projectRoles')));

export interface ProjectMemberInput {
  roleId?: string | null | undefined;
  noAccess?: boolean | null | undefined;
  dryRun?: boolean | null | undefined;
}

/** The role of an input. Null is no access, which requires noAccess: an unset variable must not remove access. */
async function roleOf(ctx: Context, { roleId, noAccess }: ProjectMemberInput, projectId: string): Promise<Role | null> {
  if (noAccess && roleId != null)
    throw invalid(userError('INVALID', 'noAccess', 'noAccess: cannot be combined with roleId.'));
  if (noAccess) return null;
  if (roleId == null) throw invalid(userError('REQUIRED', 'roleId', 'roleId: is required unless noAccess is true.'));
  return await getAssignableRole(ctx, roleId, projectId, 'roleId');
}

export async function createProjectMember(
  ctx: Context,
  project: ProjectRow,
  input: ProjectMemberInput & { principalId: string },
): Promise<AccessChanged<ProjectMemberRow>> {
  ctx.unit.access.requireFeature('projectRoles');
  const principal: PrincipalRow | null = await findByPublicId(ctx, input.principalId);
  if (!principal)
    throw invalid(
      userError('NOT_FOUND', 'principalId', 'principalId: there is no member or service account with this ID.'),
    );
  const role = await roleOf(ctx, input, project.id);
  return await changeAccess(ctx, {
    permission: 'project_member:create',
    target: project.id,
    affected: () => [principal.id],
    dryRun: input.dryRun ?? false,
    apply: async (locked) => {
      requireOverridable(ctx, locked, principal.id, 'principalId');
      const values = {
        organizationId: tenant(ctx),
        principalId: principal.id,
        projectId: project.id,
        ...roleColumns(role),
        createdAt: ctx.dependencies.clock(),
      };
      const [row] = await (await db(ctx)).insert(assignments).values(values).returning();
      audit(ctx, { targetId: toPublicId('pmb', row?.id ?? ''), after: await snapshotOf(ctx, row as ProjectMemberRow) });
      return row as ProjectMemberRow;
    },
  });
}

/** Throws NO_EFFECT for an Owner or Admin of the organization, whose role no project role overrides. */
function requireOverridable(ctx: Context, { rows, organization }: LockedRows, principalId: string, path: string) {
  const role = grantsOfPrincipal(rows, principalId, organization.plan, ctx.dependencies.clock())?.role;
  if (role?.neverOverridden)
    throw invalid(
      userError(
        'NO_EFFECT',
        path,
        `${path}: a project role has no effect on the organization role ${role.name}. Assign another organization role first.`,
      ),
    );
}

export async function updateProjectMember(
  ctx: Context,
  row: ProjectMemberRow,
  input: ProjectMemberInput,
): Promise<AccessChanged<ProjectMemberRow>> {
  ctx.unit.access.requireFeature('projectRoles');
  const role = await roleOf(ctx, input, row.projectId ?? '');
  return await change(ctx, row, 'project_member:update', input.dryRun ?? false, async (before, own, locked) => {
    requireOverridable(ctx, locked, row.principalId, 'id');
    const values = { ...roleColumns(role), inactive: false, ofCreator: false };
    const [after = before] = await (await db(ctx)).update(assignments).set(values).where(own).returning();
    audit(ctx, { after: await snapshotOf(ctx, after) });
    return after;
  });
}

export async function deleteProjectMember(
  ctx: Context,
  row: ProjectMemberRow,
  dryRun: boolean,
): Promise<AccessChanged<string>> {
  return await change(ctx, row, 'project_member:delete', dryRun, async (_before, own) => {
    await (await db(ctx)).delete(assignments).where(own);
    audit(ctx, { after: null });
    return toPublicId('pmb', row.id);
  });
}

async function change<Result>(
  ctx: Context,
  row: ProjectMemberRow,
  permission: 'project_member:update' | 'project_member:delete',
  dryRun: boolean,
  write: (before: ProjectMemberRow, own: SQL | undefined, locked: LockedRows) => Promise<Result>,
): Promise<AccessChanged<Result>> {
  return await changeAccess(ctx, {
    permission,
    target: row.projectId,
    affected: () => [row.principalId],
    dryRun,
    apply: async (locked) => {
      const own = and(eq(assignments.organizationId, tenant(ctx)), eq(assignments.id, row.id));
      // It may have been deleted before the lock was acquired.
      const before = locked.rows.assignments.find(({ id }) => id === row.id);
      if (!before) throw notFound('ProjectMember');
      audit(ctx, { targetId: toPublicId('pmb', row.id), before: await snapshotOf(ctx, before) });
      return await write(before, own, locked);
    },
  });
}

/** The values of a project role in the audit log. */
async function snapshotOf(ctx: Context, row: ProjectMemberRow): Promise<Record<string, unknown>> {
  const principal = await findPrincipal(ctx, row.principalId);
  return {
    id: toPublicId('pmb', row.id),
    projectId: row.projectId && toPublicId('prj', row.projectId),
    principalId: principal && publicIdOfPrincipal(principal),
    role: await findAuditedRole(ctx, row.builtInRoleId ?? row.roleId),
    inactive: row.inactive,
  };
}

/** The project membership with this public ID, if the caller can read it. */
export async function getProjectMember(ctx: Context, publicId: string): Promise<ProjectMemberRow> {
  const row = await findProjectMember(ctx, fromPublicId('pmb', publicId) ?? tenant(ctx));
  if (!row) throw notFound('ProjectMember');
  return row;
}
