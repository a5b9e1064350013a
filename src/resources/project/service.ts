import { randomInt } from 'node:crypto';
import { and, count, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { permissionsOf, unrestricted } from '../../access/access.ts';
import { CREATOR } from '../../access/roles.ts';
import { audit, type Context, db, setActor, setDryRun, tenant } from '../../context.ts';
import { inProjects, seesEveryProject } from '../../data/project-scope.ts';
import { rowsOf } from '../../data/rows.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { containing, type SearchFilter } from '../../db/search.ts';
import { removeSecrets } from '../../identity/secrets.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { fromPublicId, toPublicId } from '../../lib/ids.ts';
import { multiLine, parse, singleLine } from '../../lib/input.ts';
import { hashesOf, lockLineage } from '../api-token/lineage.ts';
import { apiTokens } from '../api-token/table.ts';
import { lockOrganization } from '../organization/service.ts';
import { findGrants, requireStill } from '../principal/access.ts';
import type { AccessChanged } from '../principal/change-access.ts';
import { assignments, rolePolicies, roles } from '../role/table.ts';
import { projects } from './table.ts';

export type ProjectRow = typeof projects.$inferSelect;

const rows = rowsOf(projects, 'prj');

/** The project. Null if it does not exist or is not visible to the caller. */
export async function findProject(ctx: Context, id: string): Promise<ProjectRow | null> {
  return ctx.unit.access.can('project:read', id) ? await rows.find(ctx, id) : null;
}

/** The projects with these IDs that the caller can read. */
export async function findProjects(ctx: Context, ids: readonly string[]): Promise<ProjectRow[]> {
  const found = await Promise.all(ids.map((id) => findProject(ctx, id)));
  return found.filter((project) => project !== null);
}

export async function findProjectByKey(ctx: Context, key: string): Promise<ProjectRow | null> {
  const [row] = await (await db(ctx))
    .select()
    .from(projects)
    .where(and(eq(projects.organizationId, tenant(ctx)), sql`lower(${projects.key}) = lower(${key})`));
  return row && ctx.unit.access.can('project:read', row.id) ? row : null;
}

/** The UUID of the project in an argument. The caller must be able to read it. */
export async function visibleProject(ctx: Context, publicId: string): Promise<ProjectRow> {
  const id = fromPublicId('prj', publicId);
  const project = id && (await findProject(ctx, id));
  if (!project) throw notFound('Project');
  return project;
}

export async function listProjects(
  ctx: Context,
  { filter, ...args }: PageArgs & { filter?: SearchFilter | null | undefined },
): Promise<Page<ProjectRow>> {
  ctx.unit.access.requireOrganization();
  const where = and(
    eq(projects.organizationId, tenant(ctx)),
    inProjects(ctx, projects.id, 'project:read'),
    containing([projects.key, projects.name], filter?.search ?? ''),
  ) as SQL;
  const order = [
    { column: projects.key, key: (row: ProjectRow) => row.key },
    { column: projects.id, key: (row: ProjectRow) => row.id },
  ];
  return await listPage<ProjectRow>(
    await db(ctx),
    { reader: rows.reader, where, asked: [tenant(ctx), filter ?? {}], order },
    args,
  );
}

const MAX_KEY = 50;

const KEY = z
  .string()
  .min(1)
  .max(MAX_KEY)
  .regex(
    /^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$/,
    'must be letters and digits, with single hyphens or underscores between them',
  );
const Create = z.object({ key: KEY, name: singleLine(100), description: multiLine(2000) });

export async function createProject(ctx: Context, input: unknown): Promise<ProjectRow> {
  const given = parse(Create, input);
  // Two requests for the last project of the plan run one after the other.
  await lockOrganization(ctx);
  await requireStill(ctx, 'project:create');
  const [all] = await (await db(ctx))
    .select({ total: count() })
    .from(projects)
    .where(eq(projects.organizationId, tenant(ctx)));
  ctx.unit.access.requireRoom('projects', { usage: all?.total ?? 0, added: 1 });
  const project = await rows.insert(ctx, {
    ...given,
    key: freeKey(ctx, given.key),
    createdAt: ctx.dependencies.clock(),
  });
  await assignCreator(ctx, project.id);
  return project;
}

const SUFFIX_LENGTH = 6;

/**
 * Keys are unique, so whoever chooses one learns whether another project has it. If a project can be hidden from the
 * caller, a random suffix makes the key free, so that the caller learns nothing about keys of hidden projects.
 */
function freeKey(ctx: Context, key: string): string {
  if (seesEveryProject(ctx)) return key;
  const suffix = Array.from({ length: SUFFIX_LENGTH }, () => randomInt(36).toString(36)).join('');
  return `${key.slice(0, MAX_KEY - SUFFIX_LENGTH - 1).replace(/[-_]$/, '')}-${suffix}`;
}

/**
 * Gives the caller the project role Owner, unless no project role overrides the caller's organization role. This is not a
 * change of existing access, so the caller need not hold what it gets in its own project.
 */
async function assignCreator(ctx: Context, projectId: string): Promise<void> {
  const { actor } = ctx.unit;
  const principalId = actor.principal?.id ?? '';
  const grants = (await findGrants(ctx, [principalId])).get(principalId);
  if (!grants || grants.role.neverOverridden) return;
  const [row] = await (await db(ctx))
    .insert(assignments)
    .values({
      organizationId: tenant(ctx),
      principalId,
      projectId,
      builtInRoleId: CREATOR.id,
      ofCreator: true,
      createdAt: ctx.dependencies.clock(),
    })
    .returning({ id: assignments.id });
  const creatorRole = { id: toPublicId('pmb', row?.id ?? ''), roleId: toPublicId('rol', CREATOR.id) };
  audit(ctx, { after: { ...(ctx.unit.auditDraft.after as object), creatorRole } });
  // The payload shows the project as its creator sees it.
  setActor(ctx, { ...actor, grants: { ...grants, projects: new Map([...grants.projects, [projectId, CREATOR]]) } });
}

export async function updateProject(ctx: Context, id: string, input: unknown): Promise<ProjectRow> {
  const { key, ...changes } = parse(Create.partial(), input);
  const before = await rows.lock(ctx, id);
  const isSame = key?.toLowerCase() === before.key.toLowerCase();
  return await rows.update(ctx, before, { ...changes, key: key === undefined || isSame ? key : freeKey(ctx, key) });
}

/** The permissions that each principal with a project role loses. Empty for callers who cannot read project roles. */
async function lossesIn(ctx: Context, projectId: string): Promise<AccessChanged<string>['accessChanges']> {
  if (!ctx.unit.access.can('project_member:read', projectId)) return [];
  const holders = await (await db(ctx))
    .select({ id: assignments.principalId })
    .from(assignments)
    .where(and(eq(assignments.organizationId, tenant(ctx)), eq(assignments.projectId, projectId)))
    .orderBy(assignments.principalId);
  const grants = await findGrants(
    ctx,
    holders.map(({ id }) => id),
    projectId,
  );
  return holders.flatMap(({ id: principalId }) => {
    const own = grants.get(principalId);
    const lost = own ? permissionsOf(unrestricted(own), projectId) : [];
    return lost.length > 0 ? [{ principalId, projectId, teamIds: null, gained: [], lost }] : [];
  });
}

interface DeleteInput {
  key: string;
  dryRun?: boolean | null | undefined;
}

/** Deletes the project with its roles, policies, memberships and API keys. A role of a project cannot be used elsewhere. */
export async function deleteProject(
  ctx: Context,
  id: string,
  { key, dryRun }: DeleteInput,
): Promise<AccessChanged<string>> {
  // Locked first, in the same order as in every change of access.
  await lockOrganization(ctx);
  await requireStill(ctx, 'project:delete', id);
  const project = await rows.lock(ctx, id);
  if (key !== project.key)
    throw invalid(userError('MISMATCH', 'key', 'key: must be the key of the project, as a confirmation.'));
  const accessChanges = await lossesIn(ctx, id);
  const tx = await db(ctx);
  const here = eq(roles.organizationId, tenant(ctx));
  // Roles would stop the deletion of their policies, if the cascade reached the policies first.
  await tx.delete(assignments).where(and(eq(assignments.organizationId, tenant(ctx)), eq(assignments.projectId, id)));
  const own = tx
    .select({ id: roles.id })
    .from(roles)
    .where(and(here, eq(roles.projectId, id)));
  await tx
    .delete(rolePolicies)
    .where(and(eq(rolePolicies.organizationId, tenant(ctx)), inArray(rolePolicies.roleId, own)));
  const keys = await lockLineage(tx, tenant(ctx), eq(apiTokens.projectId, id));
  await removeSecrets(tx, hashesOf(keys));
  if (dryRun) setDryRun(ctx);
  return { result: await rows.remove(ctx, project), accessChanges };
}

/** The scope of an input with an optional project. Null for the organization. */
export const projectOf = async (ctx: Context, publicId: string | null | undefined): Promise<string | null> =>
  publicId == null ? null : (await visibleProject(ctx, publicId)).id;
