import { and, eq, type SQL, sql } from 'drizzle-orm';
import { permissionsOf, unrestricted } from '../../access/access.ts';
import type { Permission } from '../../access/catalog.ts';
import { decide } from '../../access/decide.ts';
import type { Grants, Role } from '../../access/model.ts';
import { NO_TEAMS } from '../../access/ownership.ts';
import { CREATOR, findBuiltIn } from '../../access/roles.ts';
import { type Context, db, tenant } from '../../context.ts';
import { batched, pagesOf } from '../../data/loader.ts';
import { arrayParam, isAnyOf } from '../../db/array.ts';
import type { Page, PageArgs } from '../../db/page.ts';
import { queryRows } from '../../db/reader.ts';
import type { MaybePromise } from '../../lib/maybe-promise.ts';
import { findCustomRoles, planOf } from '../principal/access.ts';
import { grantsOf, type PrincipalRow, principalReader } from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { assignments } from '../role/table.ts';
import type { ProjectMemberRow } from './service.ts';

/** Why somebody has access to a project. */
export type AccessReason = 'ORGANIZATION_ROLE' | 'PROJECT_ROLE' | 'NEVER_OVERRIDDEN';

/** A member or service account that has access to a project. */
export interface ProjectPerson {
  principal: PrincipalRow;
  projectId: string;
}

/** The current organization role of the row `own`, and the project role of the row `local`, in SQL. */
const organizationRole = (now: Date): SQL => sql`case
  when own.expires_at <= ${now.toISOString()}::timestamptz
  then coalesce(own.fallback_built_in_role_id, own.fallback_role_id)
  else coalesce(own.built_in_role_id, own.role_id) end`;
/** Stand for no role in a project, for no access to it, and for the role of its creator. They are no ids of roles. */
const NO_ROLE = '00000000-0000-0000-0000-000000000000';
const NO_ACCESS = '00000000-0000-0000-0000-000000000001';
const OF_CREATOR = '00000000-0000-0000-0000-000000000002';
const projectRole = sql`case when local.id is null then ${NO_ROLE}::uuid
  when local.of_creator then ${OF_CREATOR}::uuid
  else coalesce(local.built_in_role_id, local.role_id, ${NO_ACCESS}::uuid) end`;

/** The assignment of each principal in the organization, with its assignment in a project if it has one. */
const bothRoles = (ctx: Context, project: SQL): SQL => sql`from ${assignments} own left join ${assignments} local
  on local.organization_id = own.organization_id and local.principal_id = own.principal_id
  and not local.inactive and ${project}
  where own.organization_id = ${tenant(ctx)} and own.project_id is null`;

/** The roles of somebody who has access to a project. */
interface Pair {
  organization: string;
  project: string;
}

/**
 * The pairs of an organization role and a project role that give access to a project. The engine decides about each
 * pair that occurs in the organization, so that a page of people can be filtered in SQL.
 */
async function allowedPairs(ctx: Context): Promise<Pair[]> {
  const now = ctx.dependencies.clock();
  const held = await queryRows<Pair>(
    await db(ctx),
    sql`select distinct ${organizationRole(now)} as organization, ${projectRole} as project
      ${bothRoles(ctx, sql`local.project_id is not null`)}`,
  );
  // In all other projects these people have no project role.
  const inOthers = [...new Set(held.map(({ organization }) => organization))];
  const pairs = [
    ...held.filter(({ project }) => project !== NO_ROLE),
    ...inOthers.map((organization) => ({ organization, project: NO_ROLE })),
  ];
  const custom = await findCustomRoles(
    ctx,
    [...new Set(pairs.flatMap(({ organization, project }) => [organization, project]))].filter(isCustom),
  );
  const roleOf = (id: string): Role | null =>
    id === OF_CREATOR ? CREATOR : (findBuiltIn(id) ?? custom.get(id) ?? null);
  return pairs.filter(({ organization, project }) => {
    const role = roleOf(organization);
    return role !== null && allows(ctx, role, project === NO_ROLE ? undefined : roleOf(project));
  });
}

const isCustom = (id: string): boolean => ![NO_ROLE, NO_ACCESS, OF_CREATOR].includes(id) && !findBuiltIn(id);

/** Any project, because the decision depends only on the roles there. */
const SOME_PROJECT = NO_ROLE;

function allows(ctx: Context, role: Role, inProject: Role | null | undefined): boolean {
  const grants: Grants = {
    plan: planOf(ctx),
    role,
    expired: null,
    teams: NO_TEAMS,
    projects: new Map(inProject === undefined ? [] : [[SOME_PROJECT, inProject]]),
    validUntil: Number.POSITIVE_INFINITY,
  };
  return decide(unrestricted(grants), 'project:read', SOME_PROJECT).allowed;
}

/** Pages of the principals that have access to each project, in the order of joining. */
const listPrincipalsWithAccess = pagesOf<PrincipalRow>(async (ctx) => {
  const pairs = await allowedPairs(ctx);
  const ids = (of: (pair: Pair) => string) => arrayParam(pairs.map(of));
  const now = ctx.dependencies.clock();
  return {
    reader: principalReader,
    where: (project) =>
      and(
        eq(principals.organizationId, tenant(ctx)),
        sql`exists (select ${bothRoles(ctx, sql`local.project_id = ${project}`)} and own.principal_id = ${principals.id}
          and (${organizationRole(now)}, ${projectRole}) in (
            select * from unnest(${ids(({ organization }) => organization)}::uuid[], ${ids(({ project: id }) => id)}::uuid[])
          ))`,
      ) as SQL,
    asked: (project) => [tenant(ctx), 'people', project],
    order: [{ column: principals.id, key: (row) => row.id }],
  };
});

export async function listPeople(ctx: Context, projectId: string, args: PageArgs): Promise<Page<ProjectPerson>> {
  const page = await listPrincipalsWithAccess(ctx, projectId, args);
  return { ...page, edges: page.edges.map(({ cursor, node }) => ({ cursor, node: { principal: node, projectId } })) };
}

/** The access of a person to the project: the role that counts there, why, and what it allows on the current plan. */
export interface PersonAccess {
  role: Role | null;
  reason: AccessReason;
  permissions: Permission[];
}

export async function accessOf(ctx: Context, { principal, projectId }: ProjectPerson): Promise<PersonAccess> {
  const found = await grantsOf(ctx, principal.id);
  if (!found) return { role: null, reason: 'ORGANIZATION_ROLE', permissions: [] };
  const held = unrestricted(found.grants);
  const decision = decide(held, 'project:read', projectId);
  const because = decision.allowed ? decision.because : { role: found.grants.role, in: 'organization' };
  return {
    role: because.role,
    reason: reasonOf(because.role, because.in === 'project'),
    permissions: permissionsOf(held, projectId),
  };
}

function reasonOf(role: Role, inProject: boolean): AccessReason {
  if (inProject) return 'PROJECT_ROLE';
  return role.neverOverridden ? 'NEVER_OVERRIDDEN' : 'ORGANIZATION_ROLE';
}

/** The project roles of principals, by `principal project`. */
const findProjectRoles = batched<ProjectMemberRow>(async (ctx, keys) => {
  const [people, projects] = [0, 1].map((part) => new Set(keys.map((key) => key.split(' ')[part] as string)));
  const found = await (await db(ctx))
    .select()
    .from(assignments)
    .where(
      and(
        eq(assignments.organizationId, tenant(ctx)),
        isAnyOf(assignments.principalId, people ?? []),
        isAnyOf(assignments.projectId, projects ?? []),
      ),
    );
  return new Map(found.map((row) => [`${row.principalId} ${row.projectId}`, row]));
});

export const findProjectRoleOf = (ctx: Context, person: ProjectPerson): MaybePromise<ProjectMemberRow | null> =>
  findProjectRoles(ctx, `${person.principal.id} ${person.projectId}`);
