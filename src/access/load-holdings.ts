import { type SQL, sql } from 'drizzle-orm';
import { arrayParam, isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import { queryRows } from '../db/reader.ts';
import { forEachInSlices } from '../lib/slices.ts';
import { projects } from '../resources/project/table.ts';
import { assignments } from '../resources/role/table.ts';
import { loadRoles } from './grants.ts';
import { type AccessState, type Holding, NO_ACCESS, OF_CREATOR } from './holdings.ts';
import { findBuiltIn } from './roles.ts';

/** Which assignments are read. */
export interface HoldingsFilter {
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

/** The projects in which a principal has the same role, by their numbers. */
interface ProjectRolesRow {
  principal: string;
  role: string;
  projects: string;
}

/**
 * The roles of many principals. A row for each assignment would cost more than everything that is computed from it, so
 * PostgreSQL groups them. The transaction must be bound to the organization.
 */
export async function loadHoldings(
  db: Db,
  organizationId: string,
  { principalIds, projectId }: HoldingsFilter = {},
): Promise<Omit<AccessState, 'plan'>> {
  const own = sql`${assignments.organizationId} = ${organizationId}
    ${principalIds ? sql`and ${isAnyOf(assignments.principalId, principalIds)}` : sql``}`;
  const projectIds = projectId === undefined ? await allProjects(db, organizationId) : projectId ? [projectId] : [];
  const [assigned, inProjects] = await Promise.all([
    queryRows<AssignedRow>(
      db,
      sql`select ${assignments.principalId} as principal, coalesce(${assignments.builtInRoleId}, ${assignments.roleId}) as role,
        floor(extract(epoch from ${assignments.expiresAt}) * 1000) as expires,
        coalesce(${assignments.fallbackBuiltInRoleId}, ${assignments.fallbackRoleId}) as fallback
        from ${assignments} where ${own} and ${assignments.projectId} is null`,
    ),
    projectIds.length > 0 ? queryRows<ProjectRolesRow>(db, projectRoles(own, projectIds)) : [],
  ]);
  const byPrincipal = new Map<string, Map<string, string>>();
  await forEachInSlices(inProjects, ({ principal, role, projects: numbers }) => {
    const roles = byPrincipal.get(principal) ?? new Map<string, string>();
    byPrincipal.set(principal, roles);
    for (const number of numbers.split(',')) roles.set(projectIds[Number(number) - 1] ?? '', role);
  });
  const holdings = new Map<string, Holding>();
  await forEachInSlices(assigned, ({ principal, role, expires, fallback }) => {
    holdings.set(principal, {
      assigned: { roleId: role, expiresAt: expires === null ? null : Number(expires), fallbackId: fallback },
      projects: byPrincipal.get(principal) ?? NO_PROJECTS,
    });
  });
  const ids = new Set([
    ...assigned.flatMap(({ role, fallback }) => (fallback === null ? [role] : [role, fallback])),
    ...inProjects.map(({ role }) => role),
  ]);
  return { holdings, roles: await loadRoles(db, organizationId, [...ids].filter(isCustom)) };
}

const NO_PROJECTS: ReadonlyMap<string, string> = new Map();

const isCustom = (roleId: string): boolean =>
  roleId !== NO_ACCESS && roleId !== OF_CREATOR && findBuiltIn(roleId) === null;

async function allProjects(db: Db, organizationId: string): Promise<string[]> {
  const found = await queryRows<{ id: string }>(
    db,
    sql`select ${projects.id} from ${projects} where ${projects.organizationId} = ${organizationId}`,
  );
  return found.map(({ id }) => id);
}

/** Grouped by the columns, because sorting by the text of `role` takes twice as long. */
const projectRoles = (own: SQL, projectIds: string[]): SQL => sql`
  select ${assignments.principalId} as principal,
    case when ${assignments.ofCreator} then ${OF_CREATOR}
      else coalesce(${assignments.builtInRoleId}::text, ${assignments.roleId}::text, ${NO_ACCESS}) end as role,
    string_agg(numbered.number::text, ',') as projects
  from ${assignments}
    join unnest(${arrayParam(projectIds)}::uuid[]) with ordinality as numbered(id, number) on numbered.id = ${assignments.projectId}
  where ${own} and not ${assignments.inactive}
  group by ${assignments.principalId}, ${assignments.builtInRoleId}, ${assignments.roleId}, ${assignments.ofCreator}`;
