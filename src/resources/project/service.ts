import { and, count, eq, inArray, isNotNull, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { audit, type Context, db, tenant } from '../../context.ts';
import { loaderOf, pagesOf } from '../../data/loader.ts';
import { inProjects } from '../../data/project-scope.ts';
import { rowsOf } from '../../data/rows.ts';
import { isAnyOf } from '../../db/array.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { readerOf } from '../../db/reader.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { fromPublicId, toPublicId } from '../../lib/ids.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { lockOrganization } from '../organization/service.ts';
import { type AccessChanged, changeAccess } from '../principal/change-access.ts';
import {
  findByPublicId,
  findPrincipal,
  getAssignableRole,
  type PrincipalRow,
  publicIdOfPrincipal,
  roleColumns,
} from '../principal/service.ts';
import { assignments, rolePolicies, roles } from '../role/table.ts';
import { projects } from './table.ts';

export type ProjectRow = typeof projects.$inferSelect;

const rows = rowsOf(projects, 'prj');

/** The project, or null for who may not read it: to them it does not exist. */
export async function findProject(ctx: Context, id: string): Promise<ProjectRow | null> {
  return ctx.unit.access.can('project:read', id) ? await rows.find(ctx, id) : null;
}

export async function findProjectByKey(ctx: Context, key: string): Promise<ProjectRow | null> {
  const [row] = await (await db(ctx))
    .select()
    .from(projects)
    .where(and(eq(projects.organizationId, tenant(ctx)), sql`lower(${projects.key}) = lower(${key})`));
  return row && ctx.unit.access.can('project:read', row.id) ? row : null;
}

/** The uuid of a project that the caller can read, for an argument. */
export async function visibleProject(ctx: Context, publicId: string): Promise<ProjectRow> {
  const id = fromPublicId('prj', publicId);
  const project = id && (await findProject(ctx, id));
  if (!project) throw notFound('Project');
  return project;
}

export async function listProjects(ctx: Context, args: PageArgs): Promise<Page<ProjectRow>> {
  ctx.unit.access.requireOrganization();
  const where = and(eq(projects.organizationId, tenant(ctx)), inProjects(ctx, projects.id, 'project:read')) as SQL;
  const order = [
    { column: projects.key, key: (row: ProjectRow) => row.key },
    { column: projects.id, key: (row: ProjectRow) => row.id },
  ];
  return await listPage<ProjectRow>(await db(ctx), { reader: rows.reader, where, asked: [tenant(ctx)], order }, args);
}

const KEY = z
  .string()
  .min(1)
  .max(50)
  .regex(
    /^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$/,
    'must be letters and digits, with single hyphens or underscores between them',
  );
const Create = z.object({ key: KEY, name: singleLine(100), description: multiLine(2000) });

export async function createProject(ctx: Context, input: unknown): Promise<ProjectRow> {
  const given = parse(Create, input);
  // Two requests for the last project of the plan run one after the other.
  await lockOrganization(ctx);
  const [all] = await (await db(ctx))
    .select({ total: count() })
    .from(projects)
    .where(eq(projects.organizationId, tenant(ctx)));
  ctx.unit.access.requireRoom('projects', (all?.total ?? 0) + 1);
  return await rows.insert(ctx, { ...given, createdAt: ctx.dependencies.clock() });
}

export async function updateProject(ctx: Context, id: string, input: unknown): Promise<ProjectRow> {
  const changes = parse(Create.partial(), input);
  return await rows.update(ctx, await rows.lock(ctx, id), changes);
}

/** With its roles, policies and memberships. A role of the project cannot be in use elsewhere. */
export async function deleteProject(ctx: Context, id: string, key: string): Promise<string> {
  // First, as every change of access locks it.
  await lockOrganization(ctx);
  const project = await rows.lock(ctx, id);
  if (key !== project.key)
    throw invalid(
      userError('MISMATCH', 'key', 'key: differs from the key of the project, which is asked to make sure.'),
    );
  const tx = await db(ctx);
  const here = eq(roles.organizationId, tenant(ctx));
  // Roles would stop the deletion of their policies, whichever of the two the cascade reaches first.
  await tx.delete(assignments).where(and(eq(assignments.organizationId, tenant(ctx)), eq(assignments.projectId, id)));
  const own = tx
    .select({ id: roles.id })
    .from(roles)
    .where(and(here, eq(roles.projectId, id)));
  await tx
    .delete(rolePolicies)
    .where(and(eq(rolePolicies.organizationId, tenant(ctx)), inArray(rolePolicies.roleId, own)));
  return await rows.remove(ctx, project);
}

export type ProjectMemberRow = typeof assignments.$inferSelect;

const assignmentReader = readerOf<ProjectMemberRow>(assignments);

export const listProjectMembers = pagesOf<ProjectMemberRow>((ctx) => ({
  reader: assignmentReader,
  where: (project) =>
    and(eq(assignments.organizationId, tenant(ctx)), sql`${assignments.projectId} = ${project}`) as SQL,
  asked: (project) => [tenant(ctx), project],
  order: [{ column: assignments.id, key: (row) => row.id }],
}));

const readProjectMember = loaderOf<ProjectMemberRow>(async (ctx, ids) => {
  const own = and(eq(assignments.organizationId, tenant(ctx)), isAnyOf(assignments.id, ids));
  return assignmentReader.read(await db(ctx), sql`where ${own} and ${isNotNull(assignments.projectId)}`);
});

export const findProjectMember = async (ctx: Context, id: string): Promise<ProjectMemberRow | null> => {
  const row = await readProjectMember(ctx, id);
  return row?.projectId && ctx.unit.access.sees('project_member:read', row.projectId) ? row : null;
};

export interface ProjectMemberInput {
  roleId?: string | null | undefined;
  dryRun?: boolean | null | undefined;
}

/** The project role of an input. Null for "no access". */
const roleOf = async (ctx: Context, roleId: string | null | undefined, projectId: string) =>
  roleId == null ? null : await getAssignableRole(ctx, roleId, projectId, 'roleId');

export async function createProjectMember(
  ctx: Context,
  project: ProjectRow,
  input: ProjectMemberInput & { principalId: string },
): Promise<AccessChanged<ProjectMemberRow>> {
  ctx.unit.access.requireFeature('projectRoles');
  const principal: PrincipalRow | null = await findByPublicId(ctx, input.principalId);
  if (!principal)
    throw invalid(
      userError('NOT_FOUND', 'principalId', 'principalId: there is no member or service account with this id.'),
    );
  const role = await roleOf(ctx, input.roleId, project.id);
  return await changeAccess(ctx, {
    permission: 'project_member:create',
    target: project.id,
    affected: () => [principal.id],
    dryRun: input.dryRun ?? false,
    apply: async () => {
      const values = {
        organizationId: tenant(ctx),
        principalId: principal.id,
        projectId: project.id,
        ...roleColumns(role),
        createdAt: ctx.dependencies.clock(),
      };
      const [row] = await (await db(ctx)).insert(assignments).values(values).returning();
      audit(ctx, { targetId: toPublicId('pmb', row?.id ?? ''), after: await shown(ctx, row as ProjectMemberRow) });
      return row as ProjectMemberRow;
    },
  });
}

export async function updateProjectMember(
  ctx: Context,
  row: ProjectMemberRow,
  input: ProjectMemberInput,
): Promise<AccessChanged<ProjectMemberRow>> {
  ctx.unit.access.requireFeature('projectRoles');
  const role = await roleOf(ctx, input.roleId, row.projectId ?? '');
  const values = input.roleId === undefined ? {} : roleColumns(role);
  return await change(ctx, row, 'project_member:update', input.dryRun ?? false, async (before, own) => {
    const changed = Object.keys(values).length
      ? await (await db(ctx)).update(assignments).set(values).where(own).returning()
      : [before];
    const after = changed[0] as ProjectMemberRow;
    audit(ctx, { after: await shown(ctx, after) });
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
  write: (before: ProjectMemberRow, own: SQL | undefined) => Promise<Result>,
): Promise<AccessChanged<Result>> {
  return await changeAccess(ctx, {
    permission,
    target: row.projectId,
    affected: () => [row.principalId],
    dryRun,
    apply: async ({ rows: { assignments: locked } }) => {
      const own = and(eq(assignments.organizationId, tenant(ctx)), eq(assignments.id, row.id));
      // It may have been deleted before the lock was acquired.
      const before = locked.find(({ id }) => id === row.id);
      if (!before) throw notFound('ProjectMember');
      audit(ctx, { targetId: toPublicId('pmb', row.id), before: await shown(ctx, before) });
      return await write(before, own);
    },
  });
}

/** A project role as the audit log shows it. */
async function shown(ctx: Context, row: ProjectMemberRow): Promise<Record<string, unknown>> {
  const principal = await findPrincipal(ctx, row.principalId);
  const roleId = row.builtInRoleId ?? row.roleId;
  return {
    id: toPublicId('pmb', row.id),
    projectId: row.projectId && toPublicId('prj', row.projectId),
    principalId: principal && publicIdOfPrincipal(principal),
    roleId: roleId && toPublicId('rol', roleId),
  };
}

/** Where an input with an optional project is about: null for the organization. */
export const projectOf = async (ctx: Context, publicId: string | null | undefined): Promise<string | null> =>
  publicId == null ? null : (await visibleProject(ctx, publicId)).id;

/** The project membership with this public id, where the caller can see it. */
export async function getProjectMember(ctx: Context, publicId: string): Promise<ProjectMemberRow> {
  const row = await findProjectMember(ctx, fromPublicId('pmb', publicId) ?? tenant(ctx));
  if (!row) throw notFound('ProjectMember');
  return row;
}
