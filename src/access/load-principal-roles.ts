import { type SQL, sql } from 'drizzle-orm';
import { isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import { queryRows } from '../db/reader.ts';
import { getOrAdd } from '../lib/maps.ts';
import { forEachInSlices } from '../lib/slices.ts';
import { assignments } from '../resources/role/table.ts';
import { loadRoles } from './grants.ts';
import { NO_TEAMS } from './ownership.ts';
import {
  type AccessState,
  dependsOnTeams,
  NO_ACCESS,
  OF_CREATOR,
  type PrincipalRoles,
  type RolesByPrincipal,
} from './principal-roles.ts';
import { findBuiltIn } from './roles.ts';
import { loadTeams } from './teams.ts';

/** Which assignments are read. */
export interface PrincipalRolesFilter {
  /** Defaults to all principals of the organization. */
  principalIds?: readonly string[] | undefined;
  /** The project whose roles are read. Null for none. Defaults to all projects. */
  projectId?: string | null;
}

interface AssignedRow {
  principal: string;
  role: string;
  expires: string | null;
  fallback: string | null;
}

/** The projects in which a principal has the same role, separated by commas. */
interface ProjectRolesRow {
  principal: string;
  role: string;
  projects: string;
}

/**
 * The roles of many principals. A row for each assignment would cost more than everything that is computed from it, so
 * PostgreSQL groups them. The transaction must be bound to the organization.
 */
export async function loadPrincipalRoles(
  db: Db,
  organizationId: string,
  { principalIds, projectId }: PrincipalRolesFilter = {},
): Promise<Omit<AccessState, 'plan'>> {
  const own = sql`${assignments.organizationId} = ${organizationId}
    ${principalIds ? sql`and ${isAnyOf(assignments.principalId, principalIds)}` : sql``}`;
  const inScope = projectId ? sql`= ${projectId}` : sql`is not null`;
  const [assigned, inProjects] = await Promise.all([
    queryRows<AssignedRow>(
      db,
      sql`select ${assignments.principalId} as principal, coalesce(${assignments.builtInRoleId}, ${assignments.roleId}) as role,
        floor(extract(epoch from ${assignments.expiresAt}) * 1000) as expires,
        coalesce(${assignments.fallbackBuiltInRoleId}, ${assignments.fallbackRoleId}) as fallback
        from ${assignments} where ${own} and ${assignments.projectId} is null`,
    ),
    projectId === null ? [] : queryRows<ProjectRolesRow>(db, projectRoles(own, inScope)),
  ]);
  const byPrincipal = new Map<string, Map<string, string>>();
  await forEachInSlices(inProjects, ({ principal, role, projects }) => {
    const roles = getOrAdd(byPrincipal, principal, () => new Map<string, string>());
    for (const project of projects.split(',')) roles.set(project, role);
  });
  const principalRoles = new Map<string, PrincipalRoles>();
  await forEachInSlices(assigned, ({ principal, role, expires, fallback }) => {
    principalRoles.set(principal, {
      assigned: { roleId: role, expiresAt: expires === null ? null : Number(expires), fallbackId: fallback },
      projects: byPrincipal.get(principal) ?? NO_PROJECTS,
      teams: NO_TEAMS,
    });
  });
  const ids = new Set([
    ...assigned.flatMap(({ role, fallback }) => (fallback === null ? [role] : [role, fallback])),
    ...inProjects.map(({ role }) => role),
  ]);
  const roles = await loadRoles(db, organizationId, [...ids].filter(isCustom));
  return { principalRoles: await withTeams(db, organizationId, principalRoles, roles), roles };
}

/** The same with the teams of the principals whose roles depend on them. Needs no statement if there are none. */
export async function withTeams(
  db: Db,
  organizationId: string,
  principalRoles: RolesByPrincipal,
  roles: AccessState['roles'],
): Promise<RolesByPrincipal> {
  if (![...roles.values()].some(({ hasCondition }) => hasCondition)) return principalRoles;
  const ids = [...principalRoles].flatMap(([id, { assigned }]) => (dependsOnTeams(assigned, roles) ? [id] : []));
  if (ids.length === 0) return principalRoles;
  const teams = await loadTeams(db, organizationId, ids);
  const changed = new Map(principalRoles);
  await forEachInSlices(teams, ([id, own]) => {
    const held = principalRoles.get(id);
    if (held) changed.set(id, { ...held, teams: own });
  });
  return changed;
}

const NO_PROJECTS: ReadonlyMap<string, string> = new Map();

const isCustom = (roleId: string): boolean =>
  roleId !== NO_ACCESS && roleId !== OF_CREATOR && findBuiltIn(roleId) === null;

/** Grouped by the columns, because sorting by the text of `role` takes twice as long. */
const projectRoles = (own: SQL, inScope: SQL): SQL => sql`
  select ${assignments.principalId} as principal,
    case when ${assignments.ofCreator} then ${OF_CREATOR}
      else coalesce(${assignments.builtInRoleId}::text, ${assignments.roleId}::text, ${NO_ACCESS}) end as role,
    string_agg(${assignments.projectId}::text, ',') as projects
  from ${assignments}
  where ${own} and ${assignments.projectId} ${inScope} and not ${assignments.inactive}
  group by ${assignments.principalId}, ${assignments.builtInRoleId}, ${assignments.roleId}, ${assignments.ofCreator}`;
