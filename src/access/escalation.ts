import type { AmbitError } from '../lib/errors.ts';
import { type Access, accessOf, refusal, type Target, unrestricted } from './access.ts';
import { PERMISSIONS, type Permission } from './catalog.ts';
import { type AccessState, differenceIn, grantsAtMoment, momentsOf, unrestrictedOrNull } from './change.ts';
import { type AssignmentRow, grantsOfAllOverTime } from './grants.ts';
import type { EffectiveGrants, Grants } from './model.ts';
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

export interface Reach {
  /** The principals whose grants, now and later, the caller holds now. */
  changeable: ReadonlySet<string>;
  /** Those of them that the caller may remove. */
  removable: ReadonlySet<string>;
}

/** The principals that a caller can act on, by the rules of `requireHeldChange` at each time at which a change is checked. */
export function reachOf(access: Access, state: AccessState, callerId: string, now: Date): Reach {
  const later = grantsOfAllOverTime(state.rows, now);
  const moments = momentsOf(state, callerId, now).map((moment) => grantsAtMoment(state, moment));
  const ids = [...(later[0]?.keys() ?? [])];
  const changeable = ids.filter((id) => later.every((all) => containsOf(access, all.get(id))));
  const removable = changeable.filter((id) =>
    moments.every((all) => containsOf(withGrants(access, all.get(callerId)), all.get(id))),
  );
  return { changeable: new Set(changeable), removable: new Set(removable) };
}

/** A project role: a row of `assignments`. */
export interface ProjectRoleRow {
  id: string;
  principalId: string;
  projectId: string | null;
}

/**
 * Whether a caller can replace and remove a project role, by the rules of `requireHeldChange` at each time at which a
 * change is checked. It is replaced by no access here, which takes everything that the holder has in the project. Another
 * role takes less, but the caller must hold that role itself.
 */
export function projectRoleReach(
  access: Access,
  state: AccessState,
  callerId: string,
  row: ProjectRoleRow,
  now: Date,
): { changeable: boolean; removable: boolean } {
  const moments = momentsOf(state, callerId, now);
  const noAccess = { roleId: null, builtInRoleId: null, inactive: false, ofCreator: false };
  const mayBecome = (change: (one: AssignmentRow) => AssignmentRow[]): boolean => {
    const after = { ...state, rows: { ...state.rows, assignments: state.rows.assignments.flatMap(change) } };
    return moments.every((moment) => {
      const [had, has] = [state, after].map((each) => grantsAtMoment(each, moment));
      const [before, then] = [had, has].map((all) => unrestrictedOrNull(all?.get(row.principalId)));
      const changed = Object.values(differenceIn(row.projectId, before ?? null, then ?? null)).flat();
      return holds(withGrants(access, had?.get(callerId)), changed, row.projectId);
    });
  };
  return {
    changeable: mayBecome((one) => [one.id === row.id ? { ...one, ...noAccess } : one]),
    removable: mayBecome((one) => (one.id === row.id ? [] : [one])),
  };
}

const containsOf = (access: Access, grants: Grants | undefined): boolean => !grants || contains(access, grants);

const withGrants = ({ effective }: Access, grants: Grants | undefined): Access =>
  accessOf(grants && effective ? { ...effective, grants } : null);

/** Whether the caller holds all permissions that these grants currently allow. */
function contains(access: Access, grants: Grants): boolean {
  const change: GrantsChange = { before: null, after: unrestricted(grants) };
  return (
    mayChangeOwner(access, change) &&
    changedPermissions(access, change).every(({ permissions, scope }) => !findMissing(access, permissions, scope))
  );
}

/** Whether the caller holds all of these permissions in this scope. */
export const holds = (access: Access, permissions: Iterable<Permission>, scope: Target): boolean =>
  findMissing(access, permissions, scope) === undefined;

const findMissing = (access: Access, permissions: Iterable<Permission>, scope: Target): Permission | undefined =>
  [...permissions]
    .filter((name) => scope === null || PERMISSIONS.get(name)?.level !== 'organization')
    .find((permission) => !access.can(permission, scope));

/** Owner is more than its permissions: no project role overrides it, and one Owner must always remain. */
const mayChangeOwner = ({ effective }: Access, { before, after }: GrantsChange): boolean =>
  isOwner(before) === isOwner(after) || isOwner(effective);

/** A READ token of an Owner gives no more than its permissions. */
const isOwner = (effective: EffectiveGrants | null): boolean =>
  effective?.access === 'WRITE' && isOwnerRole(effective.grants.role);

/** Stands for every project in which neither the principal nor the caller has a role. It is no id of a project. */
const OTHER_PROJECTS = '';

/** In the organization, in each project where the principal or the caller has a role, and in all other projects. */
function changedPermissions(
  access: Access,
  { before, after }: GrantsChange,
): { scope: Target; permissions: Permission[] }[] {
  const holders = [before, after, access.effective];
  const scopes = new Set([null, OTHER_PROJECTS, ...holders.flatMap((one) => [...(one?.grants.projects.keys() ?? [])])]);
  return [...scopes].map((scope) => ({
    scope,
    permissions: Object.values(differenceIn(scope, before, after)).flat(),
  }));
}
