import type { Plan } from '../lib/plans.ts';
import type { assignments } from '../resources/role/table.ts';
import type { Grants, Role } from './model.ts';
import { NO_TEAMS } from './ownership.ts';
import { CREATOR, findBuiltIn } from './roles.ts';
import type { TeamsByPrincipal } from './teams.ts';

export type AssignmentRow = typeof assignments.$inferSelect;

/** The organization role that is assigned to a principal. */
export interface Assigned {
  readonly roleId: string;
  /** In milliseconds since 1970. Null if the role does not expire. */
  readonly expiresAt: number | null;
  readonly fallbackId: string | null;
}

/** The roles of one principal by their IDs. Inactive project roles are left out. */
export interface PrincipalRoles {
  readonly assigned: Assigned;
  /** By project: the ID of a role, or one of the two below. */
  readonly projects: ReadonlyMap<string, string>;
  /** The principal's teams as in `Grants`. Principals of the same teams share one set. */
  readonly teams: ReadonlySet<string>;
}

/** Used instead of the ID of a role: for "no access", and for the role of the creator of the project. */
export const NO_ACCESS = 'no access';
export const OF_CREATOR = 'of creator';

/** The roles of principals, by principal. */
export type RolesByPrincipal = ReadonlyMap<string, PrincipalRoles>;

/** The access of an organization at one time, before or after a change. */
export interface AccessState {
  principalRoles: RolesByPrincipal;
  /** The custom roles that are assigned to them, by ID. */
  roles: ReadonlyMap<string, Role>;
  plan: Plan;
}

const NEVER = Number.POSITIVE_INFINITY;

/** Later than the expiry of every role. */
export const END_OF_TIME = new Date(8_640_000_000_000_000);

/** The roles of each principal in these rows. */
export const rolesByPrincipal = (rows: readonly AssignmentRow[], teams: TeamsByPrincipal): RolesByPrincipal =>
  new Map(
    [...Map.groupBy(rows, (row) => row.principalId)].map(([id, own]) => [
      id,
      rolesOfPrincipal(own, teams.get(id) ?? NO_TEAMS),
    ]),
  );

function rolesOfPrincipal(rows: readonly AssignmentRow[], teams: ReadonlySet<string>): PrincipalRoles {
  const organization = rows.find((row) => row.projectId === null);
  if (!organization) throw new Error('a principal has no organization role');
  return {
    assigned: {
      roleId: organization.builtInRoleId ?? organization.roleId ?? '',
      expiresAt: organization.expiresAt?.getTime() ?? null,
      fallbackId: organization.fallbackBuiltInRoleId ?? organization.fallbackRoleId,
    },
    projects: new Map(
      rows.flatMap((row) => (row.projectId !== null && !row.inactive ? [[row.projectId, projectRoleIdOf(row)]] : [])),
    ),
    teams,
  };
}

const projectRoleIdOf = ({ ofCreator, builtInRoleId, roleId }: AssignmentRow): string =>
  ofCreator ? OF_CREATOR : (builtInRoleId ?? roleId ?? NO_ACCESS);

type CustomRoles = ReadonlyMap<string, Role>;

const roleOf = (id: string | null, custom: CustomRoles): Role | null =>
  id === null ? null : (findBuiltIn(id) ?? custom.get(id) ?? null);

/** The project role with this ID. Null for "no access". */
export const projectRoleOf = (id: string, custom: CustomRoles): Role | null =>
  id === OF_CREATOR ? CREATOR : roleOf(id, custom);

/** Whether the organization role, or the fallback after it, has a statement that depends on the principal's teams. */
export const dependsOnTeams = ({ roleId, fallbackId }: Omit<Assigned, 'expiresAt'>, custom: CustomRoles): boolean =>
  [roleId, fallbackId].some((id) => id !== null && custom.get(id)?.hasCondition);

/** The current organization role: the assigned one, or the fallback after that has expired. */
export function organizationRoleAt(
  assigned: Assigned,
  custom: CustomRoles,
  time: Date,
): Pick<Grants, 'role' | 'expired'> {
  const role = roleOf(assigned.roleId, custom);
  if (!role) throw new Error('a principal has no organization role');
  if (!hasExpired(assigned, time)) return { role, expired: null };
  const at = new Date(assigned.expiresAt ?? 0);
  return { role: roleOf(assigned.fallbackId, custom) ?? role, expired: { role, at } };
}

const hasExpired = ({ expiresAt }: Assigned, time: Date): boolean => expiresAt !== null && expiresAt <= time.getTime();

/** The grants of a principal with these roles at this time. */
export function grantsWithRoles(
  { assigned, projects, teams }: PrincipalRoles,
  custom: CustomRoles,
  plan: Plan,
  time: Date,
): Grants {
  return {
    plan,
    ...organizationRoleAt(assigned, custom, time),
    projects: new Map([...projects].map(([project, id]) => [project, projectRoleOf(id, custom)])),
    teams,
    validUntil: assigned.expiresAt !== null && !hasExpired(assigned, time) ? assigned.expiresAt : NEVER,
  };
}
