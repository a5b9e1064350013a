import { getOrAdd } from '../lib/maps.ts';
import { forEachInSlices } from '../lib/slices.ts';
import type { Target } from './access.ts';
import type { EffectiveGrants, Grants } from './model.ts';
import { NO_TEAMS, serviceOf, teamsByCombination } from './ownership.ts';
import {
  type AccessState,
  type Assigned,
  organizationRoleAt,
  type PrincipalRoles,
  projectRoleOf,
  type RolesByPrincipal,
} from './principal-roles.ts';

// A decision depends on the organization role, on the project role and on whether a team of the principal owns the service,
// and on nothing else of the principal, the project or the service. A few combinations occur in many places of a large
// organization, so each is decided once.

/** The roles that count in one scope. */
export interface RolesInScope {
  assigned: Assigned;
  /** The project role as in `PrincipalRoles`. Undefined if there is none, and in the organization. */
  inProject: string | undefined;
  /** The teams of one of the principals. The others count alike as owners in the scope of the change. */
  teams: ReadonlySet<string>;
}

/** A change of roles that some principals share, in scopes in which the caller has the same role. */
export interface RoleChange {
  /** One of the scopes. */
  scope: Target;
  /** Null where the principals do not exist. */
  before: RolesInScope | null;
  after: RolesInScope | null;
  /** In ascending order. */
  principalIds: string[];
}

/** The project roles of the caller, by project. Equal values stand for equal roles. */
export type CallerRoles = ReadonlyMap<string, unknown>;

/**
 * The project roles of the caller. Projects with the same roles are checked together. A narrowed token has other permissions
 * in the projects that it names than elsewhere, so each of these projects is checked separately.
 */
export function callerRolesOf(effective: EffectiveGrants | null, roles?: CallerRoles): CallerRoles {
  const own = roles ?? effective?.grants.projects ?? new Map();
  const named = effective?.narrowing?.projects;
  return named ? new Map([...own.keys(), ...named].map((id) => [id, id])) : own;
}

/** What the decisions about the caller depend on in different scopes. */
export interface CallerScopes {
  projects: CallerRoles;
  teams: ReadonlySet<string>;
}

/** Used instead of the ID of a project: for every project in which neither the principal nor the caller has a role. */
export const OTHER_PROJECTS = '';

/** Stands for the scope of the organization among the roles of the caller. */
const ORGANIZATION = Symbol('organization');

export const principalIdsOf = (before: RolesByPrincipal, after: RolesByPrincipal): string[] =>
  [...new Set([...before.keys(), ...after.keys()])].sort();

/** The projects where the principal has a role before or after the change. */
export function projectsOf(had: PrincipalRoles | undefined, has: PrincipalRoles | undefined): Iterable<string> {
  if (!had || !has || had === has) return (had ?? has)?.projects.keys() ?? [];
  return new Set([...had.projects.keys(), ...has.projects.keys()]);
}

/**
 * The distinct changes of roles: in the organization, in each project where the principal or the caller has a role, in
 * all other projects, and on the services of the teams of the principal and of the caller. They are distinct at these times: when exactly a role expires does not matter.
 */
export async function roleChangesOf(
  before: RolesByPrincipal,
  after: RolesByPrincipal,
  caller: CallerScopes,
  times: readonly Date[],
): Promise<RoleChange[]> {
  const byAssigned = new Map<string, Map<number, RoleChange>>();
  const numberOf = createNumbering();
  const servicesOf = createServices(caller.teams);
  await forEachInSlices(principalIdsOf(before, after), (id) => {
    const [had, has] = [before.get(id), after.get(id)];
    const changes = getOrAdd(byAssigned, pairKeyOf(had, has, times), () => new Map());
    const add = (key: number, scope: Target, wasIn?: string, isIn?: string): void => {
      const change = getOrAdd(changes, key, () => ({
        scope,
        before: rolesOf(had, wasIn),
        after: rolesOf(has, isIn),
        principalIds: [],
      }));
      if (change.principalIds.at(-1) !== id) change.principalIds.push(id);
    };
    const addIn = (scope: string | null): void => {
      const project = scope ?? OTHER_PROJECTS;
      const [wasIn, isIn] = [had?.projects.get(project), has?.projects.get(project)];
      const ofCaller = scope === null ? ORGANIZATION : caller.projects.get(scope);
      add((numberOf(wasIn) * MAX_ROLES + numberOf(isIn)) * MAX_ROLES + numberOf(ofCaller), scope, wasIn, isIn);
    };
    addIn(null);
    addIn(OTHER_PROJECTS);
    for (const project of projectsOf(had, has)) addIn(project);
    for (const project of caller.projects.keys()) addIn(project);
    // The numbers of combinations begin with 1, and those of roles with 0.
    for (const [combination, team] of servicesOf(had, has)) add(-combination, serviceOf(team));
  });
  return [...byAssigned.values()].flatMap((changes) => [...changes.values()]);
}

type OwnTeams = Pick<PrincipalRoles, 'teams'> | undefined;
type ByTeams<Value> = Map<ReadonlySet<string> | undefined, Value>;

/**
 * Returns a team for each combination of who owns its services: the principal before, the principal after, and a third one.
 * Principals of the same teams share their sets, so a combination of sets is computed once.
 */
export function createServices(third?: ReadonlySet<string>) {
  const known: ByTeams<ByTeams<ReadonlyMap<number, string>>> = new Map();
  return (had: OwnTeams, has: OwnTeams): ReadonlyMap<number, string> =>
    getOrAdd(
      getOrAdd(known, had?.teams, () => new Map()),
      has?.teams,
      () => teamsByCombination([had?.teams ?? NO_TEAMS, has?.teams ?? NO_TEAMS, third ?? NO_TEAMS]),
    );
}

/** Three numbers below this one fit into one integer of JavaScript. */
const MAX_ROLES = 2 ** 17;

/** Numbers values by identity. Comparing three numbers in one is faster than comparing three texts. */
function createNumbering(): (value: unknown) => number {
  const numbers = new Map<unknown, number>();
  return (value) => {
    const number = getOrAdd(numbers, value, () => numbers.size);
    if (number >= MAX_ROLES) throw new Error('the organization has too many roles');
    return number;
  };
}

/** Equal for principals whose organization roles are equal at each of these times, before and after. */
export const pairKeyOf = (
  had: PrincipalRoles | undefined,
  has: PrincipalRoles | undefined,
  times: readonly Date[],
): string => (had === has ? keyOf(had, times) : `${keyOf(had, times)} → ${keyOf(has, times)}`);

function keyOf(held: PrincipalRoles | undefined, times: readonly Date[]): string {
  if (!held) return '';
  const { roleId, expiresAt, fallbackId } = held.assigned;
  if (expiresAt === null) return roleId;
  return `${roleId} ${fallbackId} ${times.map((time) => (expiresAt <= time.getTime() ? 'expired' : 'in force'))}`;
}

/** The roles of a principal in a scope. Null for null. */
export const rolesOf = (held: PrincipalRoles | undefined, inProject: string | undefined): RolesInScope | null =>
  held ? { assigned: held.assigned, inProject, teams: held.teams } : null;

/** The grants of a principal with these roles, which are right in this scope only. Null for null. */
export function grantsInScope(
  roles: RolesInScope | null,
  scope: Target,
  { roles: custom, plan }: Pick<AccessState, 'roles' | 'plan'>,
  time: Date,
): Grants | null {
  if (!roles) return null;
  const { role } = organizationRoleAt(roles.assigned, custom, time);
  const inProject =
    typeof scope !== 'string' || roles.inProject === undefined ? [] : [[scope, roles.inProject] as const];
  return {
    plan,
    role,
    // What has expired changes the reasons of refusals only.
    expired: null,
    projects: new Map(inProject.map(([project, id]) => [project, projectRoleOf(id, custom)])),
    teams: roles.teams,
    validUntil: Number.POSITIVE_INFINITY,
  };
}
