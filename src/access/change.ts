import { getOrAdd } from '../lib/maps.ts';
import { forEachInSlices } from '../lib/slices.ts';
import { type Target, unrestricted } from './access.ts';
import type { Permission } from './catalog.ts';
import { allowedIn } from './decide.ts';
import type { EffectiveGrants, Grants } from './model.ts';
import { NO_TEAMS, serviceOf } from './ownership.ts';
import {
  type AccessState,
  END_OF_TIME,
  grantsWithRoles,
  organizationRoleAt,
  type PrincipalRoles,
  type RolesByPrincipal,
} from './principal-roles.ts';
import { createServices, grantsInScope, pairKeyOf, principalIdsOf, projectsOf, rolesOf } from './role-changes.ts';
import { OWNER } from './roles.ts';

/** The effect of a change on one principal in one scope. */
export interface AccessDelta {
  principalId: string;
  /** Null for the organization, and for every project that is not listed for this principal. */
  projectId: string | null;
  /** The teams whose services the change concerns. Null for every scope that is no service. */
  teamIds: string[] | null;
  /** The services whose owner changes. Undefined for every other change. */
  serviceIds?: string[];
  gained: Permission[];
  lost: Permission[];
}

export type Difference = Pick<AccessDelta, 'gained' | 'lost'>;

/** The permissions that a principal gains and loses in this scope. Null stands for a principal that does not exist. */
export function differenceIn(
  scope: Target,
  before: EffectiveGrants | null,
  after: EffectiveGrants | null,
): Readonly<Difference> {
  const [had, has] = [allowedIn(before, scope), allowedIn(after, scope)];
  return had === has ? NO_DIFFERENCE : differenceOf(had, has);
}

const NO_DIFFERENCE: Readonly<Difference> = { gained: [], lost: [] };

export function differenceOf(had: readonly Permission[], has: readonly Permission[]): Difference {
  const [before, after] = [new Set(had), new Set(has)];
  return { gained: has.filter((name) => !before.has(name)), lost: had.filter((name) => !after.has(name)) };
}

const isChange = ({ gained, lost }: Difference): boolean => gained.length + lost.length > 0;

export const unrestrictedOrNull = (grants: Grants | null | undefined): EffectiveGrants | null =>
  grants ? unrestricted(grants) : null;

/**
 * What each principal gains and loses: in the organization, in each project where it has a role, and on services of its
 * teams if that differs from the organization. While access to the organization changes, such a project is listed even if
 * nothing changes there, because there it differs. Projects for which `isVisible` is false are left out.
 */
export async function accessChanges(
  before: AccessState,
  after: AccessState,
  now: Date,
  isVisible: (projectId: string) => boolean = () => true,
): Promise<AccessDelta[]> {
  const changes: AccessDelta[] = [];
  const differences = createDifferences(before, after, now);
  const visible = new Map<string, boolean>();
  const servicesOf = createServices();
  await forEachInSlices(principalIdsOf(before.principalRoles, after.principalRoles), (principalId) => {
    const [had, has] = [before.principalRoles.get(principalId), after.principalRoles.get(principalId)];
    const differenceFor = differences(had, has);
    const inOrganization = differenceFor(null);
    const differs = isChange(inOrganization);
    if (differs) changes.push({ principalId, projectId: null, teamIds: null, ...inOrganization });
    for (const projectId of [...projectsOf(had, has)].sort()) {
      const difference = differenceFor(projectId);
      if ((differs || isChange(difference)) && getOrAdd(visible, projectId, () => isVisible(projectId)))
        changes.push({ principalId, projectId, teamIds: null, ...difference });
    }
    for (const [combination, team] of servicesOf(had, has)) {
      const difference = differenceFor(serviceOf(team), combination);
      if (!isSame(difference, inOrganization))
        changes.push({ principalId, projectId: null, teamIds: teamsIn(combination, had, has), ...difference });
    }
  });
  return changes;
}

const isSame = (one: Difference, other: Difference): boolean =>
  one === other || `${one.gained} ${one.lost}` === `${other.gained} ${other.lost}`;

/** The teams of the principal before and after a change that are in this combination of `createServices`. */
const teamsIn = (combination: number, had: PrincipalRoles | undefined, has: PrincipalRoles | undefined): string[] => {
  const [before, after] = [had?.teams ?? NO_TEAMS, has?.teams ?? NO_TEAMS];
  const all = combination === 2 ? after : before;
  return [...all]
    .filter((team) => before.has(team) === (combination !== 2) && after.has(team) === combination > 1)
    .sort();
};

type DifferencesByRole = Map<string | number | undefined, Map<string | undefined, Difference>>;

/** Returns the difference between two sets of roles in a scope. It is computed once for each pair of roles before and after. */
function createDifferences(before: AccessState, after: AccessState, now: Date) {
  const byPair = new Map<string, DifferencesByRole>();
  return (had: PrincipalRoles | undefined, has: PrincipalRoles | undefined) => {
    const known = getOrAdd(byPair, pairKeyOf(had, has, [now]), () => new Map() as DifferencesByRole);
    /** `combination` is that of `createServices`, for a service. */
    return (scope: Target, combination?: number): Difference => {
      const [wasIn, isIn] = [roleIn(had, scope), roleIn(has, scope)];
      const compute = (): Difference =>
        differenceIn(
          scope,
          unrestrictedOrNull(grantsInScope(rolesOf(had, wasIn), scope, before, now)),
          unrestrictedOrNull(grantsInScope(rolesOf(has, isIn), scope, after, now)),
        );
      return getOrAdd(
        getOrAdd(known, combination ?? wasIn, () => new Map()),
        isIn,
        compute,
      );
    };
  };
}

/** The ID of the project role. In the organization and on services no project role counts. */
const roleIn = (held: PrincipalRoles | undefined, scope: Target): string | undefined =>
  typeof scope === 'string' ? held?.projects.get(scope) : IN_ORGANIZATION;

/** Stands for the scope of the organization among the IDs of project roles. */
const IN_ORGANIZATION = 'in the organization';

/** A time at which a change is checked, and whether roles count that the plan suspends. */
export interface Moment {
  time: Date;
  ignorePlan: boolean;
}

/** The access as it counts at this moment. */
export const stateAt = (state: AccessState, { ignorePlan }: Moment): AccessState =>
  ignorePlan ? { ...state, plan: 'ENTERPRISE' } : state;

/** The grants of a principal at this moment. Undefined if it does not exist. */
export function grantsAtMoment(state: AccessState, principalId: string, moment: Moment): Grants | undefined {
  const held = state.principalRoles.get(principalId);
  return held && grantsWithRoles(held, state.roles, stateAt(state, moment).plan, moment.time);
}

/**
 * What the caller of a change holds at this moment, with the limit of its credential. The state does not contain API keys.
 * The permissions of a key are the same at each moment, except for the plan.
 */
export function effectiveAtMoment(
  effective: EffectiveGrants | null,
  state: AccessState,
  callerId: string,
  moment: Moment,
): EffectiveGrants | null {
  const grants = effective?.grants.role.isOfKey
    ? { ...effective.grants, plan: stateAt(state, moment).plan }
    : grantsAtMoment(state, callerId, moment);
  return effective && grants ? { ...effective, grants } : null;
}

/**
 * The times at which a change is checked: now, after the role of the caller expires, at each end of a role that the
 * change moves, and after all roles expire. At each time also as if the plan suspended nothing. So a caller cannot grant
 * anything for longer than the caller has it.
 */
export function momentsOf(before: AccessState, callerId: string, now: Date, after = before): Moment[] {
  const expiry = before.principalRoles.get(callerId)?.assigned.expiresAt;
  const moved =
    before.principalRoles === after.principalRoles ? [] : movedEnds(before.principalRoles, after.principalRoles);
  const ends = new Set([...(expiry == null ? [] : [expiry]), ...moved].filter((end) => end > now.getTime()));
  const times = [now, ...[...ends].map((end) => new Date(end)), END_OF_TIME];
  return [{ time: now, ignorePlan: false }, ...times.map((time) => ({ time, ignorePlan: true }))];
}

/** When roles expire that are in only one of the two, in milliseconds since 1970. */
function movedEnds(before: RolesByPrincipal, after: RolesByPrincipal): number[] {
  const endOf = (principalRoles: RolesByPrincipal, id: string): number | null =>
    principalRoles.get(id)?.assigned.expiresAt ?? null;
  return principalIdsOf(before, after).flatMap((id) => {
    const ends = [endOf(before, id), endOf(after, id)];
    return ends[0] === ends[1] ? [] : ends.filter((end) => end !== null);
  });
}

/**
 * The principals whose project roles a change of organization roles leaves without effect: those that were or become
 * Owner or Admin. Otherwise a project role that somebody gave to an Admin would take effect after a demotion.
 */
export function principalsToDeactivate(before: AccessState, after: AccessState, now: Date): string[] {
  const isAbove = ({ principalRoles, roles }: AccessState, id: string): boolean => {
    const held = principalRoles.get(id);
    return held !== undefined && organizationRoleAt(held.assigned, roles, now).role.neverOverridden;
  };
  return [...after.principalRoles].flatMap(([id, { projects }]) =>
    projects.size > 0 && (isAbove(before, id) || isAbove(after, id)) ? [id] : [],
  );
}

/** Whether a principal that was Owner without expiry is no longer Owner without expiry. */
export function losesOwner(before: RolesByPrincipal, after: RolesByPrincipal): boolean {
  const isOwner = (held: PrincipalRoles | undefined): boolean =>
    held?.assigned.roleId === OWNER.id && held.assigned.expiresAt === null;
  return [...before].some(([id, held]) => isOwner(held) && !isOwner(after.get(id)));
}
