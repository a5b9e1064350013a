import type { AmbitError } from '../lib/errors.ts';
import { getOrAdd } from '../lib/maps.ts';
import { forEachInSlices } from '../lib/slices.ts';
import { type Access, accessOf, namedProjects, refusal, type Target, unrestricted } from './access.ts';
import { PERMISSIONS, type Permission } from './catalog.ts';
import {
  differenceIn,
  effectiveAtMoment,
  grantsAtMoment,
  type Moment,
  momentsOf,
  stateAt,
  unrestrictedOrNull,
} from './change.ts';
import { allowedIn } from './decide.ts';
import type { EffectiveGrants, Grants, Role } from './model.ts';
import { isService, NO_TEAMS, OWN_SERVICE, serviceOf, teamsByCombination } from './ownership.ts';
import type { AccessState } from './principal-roles.ts';
import {
  callerRolesOf,
  grantsInScope,
  OTHER_PROJECTS,
  pairKeyOf,
  type RoleChange,
  roleChangesOf,
} from './role-changes.ts';
import { isOwnerRole } from './roles.ts';

// The rule that nobody grants, removes or creates a token with permissions that they do not have is only in this file.

/**
 * Throws NOT_HELD unless the caller holds all of these permissions in this scope. Permissions of level `organization`
 * have no effect in a project, so they are ignored there.
 */
export function requireHeld(access: Access, permissions: Iterable<Permission>, scope: Target, action: string): void {
  const missing = findMissing(access, permissions, scope);
  if (missing)
    throw refusal(
      'NOT_HELD',
      `${action} requires ${missing}, which you do not have yourself.`,
      'Ask somebody who has it.',
      missing,
    );
}

/**
 * Throws NOT_HELD unless the caller holds what the role allows in this scope. What it allows only on services of its
 * holder's teams, the caller must hold on services of the caller's teams. Whether the caller holds it on those of a holder
 * is checked when the role is assigned, or when the holder joins a team. A service belongs to no project.
 */
export function requireHeldRole(access: Access, role: Role, scope: Target, action: string): void {
  requireHeld(access, role.allow, scope, action);
  if (scope === null) requireHeld(access, role.allowIfOwned, OWN_SERVICE, action);
}

/** Whether the caller holds what the role allows, as `requireHeldRole` requires. */
export const holdsRole = (access: Access, role: Role, scope: Target): boolean =>
  holds(access, role.allow, scope) && (scope !== null || holds(access, role.allowIfOwned, OWN_SERVICE));

/** What a principal holds before and after an action. Null where it does not exist. */
export interface GrantsChange {
  before: EffectiveGrants | null;
  after: EffectiveGrants | null;
}

/**
 * Throws NOT_HELD unless the caller holds, in every scope, all that the principal gains and loses. Acting on a principal
 * counts as taking all that it holds, and creating a token for it as giving that.
 */
export function requireHeldChange(access: Access, change: GrantsChange, action: string): void {
  for (const { permissions, scope } of changedPermissions(access, change))
    requireHeld(access, permissions, scope, action);
  if (!mayChangeOwner(access, change)) throw notOwner();
}

const notOwner = (): AmbitError =>
  refusal(
    'NOT_HELD',
    'Only an Owner can make, change, sign out or remove an Owner, or revoke an Owner’s tokens.',
    'Ask an Owner.',
    'organization:transfer',
  );

/** Whether none of these grants is that of an Owner, or the caller is one. */
export const mayActOnOwners = (access: Access, all: readonly Grants[]): boolean =>
  all.every((grants) => mayChangeOwner(access, { before: unrestricted(grants), after: null }));

/** Throws NOT_HELD if one of these grants is that of an Owner and the caller is none. */
export function requireOwnerFor(access: Access, all: readonly Grants[]): void {
  if (!mayActOnOwners(access, all)) throw notOwner();
}

/** The principal whose grants limit a change, with the current limit of its credential. */
export interface Caller {
  id: string;
  effective: EffectiveGrants | null;
}

/**
 * Throws NOT_HELD for the first principal of which the caller does not hold all that it gains and loses, at each time at
 * which a change is checked.
 */
export async function requireHeldByCaller(
  caller: Caller,
  before: AccessState,
  after: AccessState,
  now: Date,
  action: string,
): Promise<void> {
  const held = before.principalRoles.get(caller.id);
  const callerScopes = { projects: callerRolesOf(caller.effective, held?.projects), teams: held?.teams ?? NO_TEAMS };
  const moments = momentsOf(before, caller.id, now, after);
  const times = moments.map(({ time }) => time);
  const changes = await roleChangesOf(before.principalRoles, after.principalRoles, callerScopes, times);
  for (const moment of moments) {
    const access = accessOf(effectiveAtMoment(caller.effective, before, caller.id, moment));
    let refused: string | undefined;
    await forEachInSlices(changes, (change) => {
      const [first] = change.principalIds;
      const isEarlier = refused === undefined || (first !== undefined && first < refused);
      if (isEarlier && !holdsChange(access, change, before, after, moment)) refused = first;
    });
    if (refused === undefined) continue;
    requireHeldChange(access, changeOf(refused, before, after, moment), action);
    // Never permit a change because its refusal could not be explained.
    throw new Error('a change of roles is refused, and the change of the principal is not');
  }
}

/**
 * Throws NOT_HELD unless the caller holds all of these permissions in this scope, at each time before `until` at which a
 * change is checked. Null means without an end. So a caller cannot give a permission for longer than the caller has it.
 */
export function requireHeldUntil(
  caller: Caller,
  state: AccessState,
  now: Date,
  { permissions, scope, until }: { permissions: ReadonlySet<Permission>; scope: Target; until: Date | null },
  action: string,
): void {
  for (const moment of momentsOf(state, caller.id, now)) {
    if (until && moment.time >= until) continue;
    requireHeld(accessOf(effectiveAtMoment(caller.effective, state, caller.id, moment)), permissions, scope, action);
  }
}

/** The teams that own a service before and after a change. Null for none. */
export interface OwnerChange {
  before: string | null;
  after: string | null;
}

/**
 * Throws NOT_HELD unless the caller holds, on a service whose owner changes, all that principals gain and lose there, at each
 * time at which a change is checked. The state has the principals whose roles depend on their teams, and the caller.
 */
export async function requireHeldOwners(
  caller: Caller,
  state: AccessState,
  changes: readonly OwnerChange[],
  now: Date,
  action: string,
): Promise<void> {
  for (const moment of momentsOf(state, caller.id, now)) {
    const access = accessOf(effectiveAtMoment(caller.effective, state, caller.id, moment));
    const checked = new Map<string, Set<ReadonlySet<string>>>();
    await forEachInSlices(state.principalRoles, ([id, held]) => {
      // Principals with the same role and the same teams gain and lose the same.
      const sets = getOrAdd(checked, pairKeyOf(held, held, [moment.time]), () => new Set());
      if (sets.has(held.teams)) return;
      sets.add(held.teams);
      const own = unrestrictedOrNull(grantsAtMoment(state, id, moment));
      for (const { before, after } of changes) {
        const difference = heldOn(own, before).symmetricDifference(heldOn(own, after));
        requireHeld(access, difference, serviceOf(before), action);
      }
    });
  }
}

const heldOn = (effective: EffectiveGrants | null, ownerId: string | null): Set<Permission> =>
  new Set(allowedIn(effective, serviceOf(ownerId)));

/** What the principal holds before and after, with all of its projects. */
export const changeOf = (id: string, before: AccessState, after: AccessState, moment: Moment): GrantsChange => ({
  before: unrestrictedOrNull(grantsAtMoment(before, id, moment)),
  after: unrestrictedOrNull(grantsAtMoment(after, id, moment)),
});

/** Whether the caller holds what a principal gains and loses in one scope, as `requireHeldChange` requires. */
export function holdsChange(
  access: Access,
  { scope, before: had, after: has }: RoleChange,
  before: AccessState,
  after: AccessState,
  moment: Moment,
): boolean {
  const change: GrantsChange = {
    before: unrestrictedOrNull(grantsInScope(had, scope, stateAt(before, moment), moment.time)),
    after: unrestrictedOrNull(grantsInScope(has, scope, stateAt(after, moment), moment.time)),
  };
  const { gained, lost } = differenceIn(scope, change.before, change.after);
  return mayChangeOwner(access, change) && holds(access, gained, scope) && holds(access, lost, scope);
}

/** Whether the caller holds all of these permissions in this scope. */
export const holds = (access: Access, permissions: Iterable<Permission>, scope: Target): boolean =>
  findMissing(access, permissions, scope) === undefined;

const findMissing = (access: Access, permissions: Iterable<Permission>, scope: Target): Permission | undefined =>
  [...permissions]
    .filter((name) => scope === null || isService(scope) || PERMISSIONS.get(name)?.level !== 'organization')
    .find((permission) => !access.can(permission, scope));

/** Owner is more than its permissions: no project role overrides it, and one Owner must always remain. */
const mayChangeOwner = ({ effective }: Access, { before, after }: GrantsChange): boolean =>
  isOwner(before) === isOwner(after) || isOwner(effective);

/** A READ token or a narrowed token of an Owner gives no more than its permissions. */
const isOwner = (effective: EffectiveGrants | null): boolean =>
  effective?.access === 'WRITE' && !effective.narrowing && isOwnerRole(effective.grants.role);

/**
 * In the organization, in each project where the principal or the caller has a role, in all other projects, and on the
 * services of each team for which another combination of them counts as the owner.
 */
function changedPermissions(
  access: Access,
  { before, after }: GrantsChange,
): { scope: Target; permissions: Permission[] }[] {
  const holders = [before, after, access.effective];
  const owned = teamsByCombination(holders.map((one) => one?.grants.teams ?? NO_TEAMS));
  const scopes = new Set<Target>([
    null,
    OTHER_PROJECTS,
    ...holders.flatMap((one) => [...namedProjects(one)]),
    ...[...owned.values()].map(serviceOf),
  ]);
  return [...scopes].map((scope) => ({
    scope,
    permissions: Object.values(differenceIn(scope, before, after)).flat(),
  }));
}
