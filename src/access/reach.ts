import { type Access, accessOf } from './access.ts';
import { differenceIn, effectiveAtMoment, type Moment, momentsOf } from './change.ts';
import { changeOf, holds, holdsChange } from './escalation.ts';
import { NO_TEAMS } from './ownership.ts';
import {
  type AccessState,
  END_OF_TIME,
  NO_ACCESS,
  type PrincipalRoles,
  type RolesByPrincipal,
} from './principal-roles.ts';
import { type CallerScopes, callerRolesOf, roleChangesOf } from './role-changes.ts';

/** The principals that a caller can act on. */
export interface Reach {
  /** The principals whose grants, now and later, the caller holds now. */
  changeable: ReadonlySet<string>;
  /** Those of them that the caller may remove. */
  removable: ReadonlySet<string>;
}

/** The principals that a caller can act on, by the rules of `requireHeldChange` at each time at which a change is checked. */
export async function reachOf(access: Access, state: AccessState, callerId: string, now: Date): Promise<Reach> {
  const none: AccessState = { ...state, principalRoles: new Map() };
  const remaining = new Set(state.principalRoles.keys());
  const removeUnheld = async (caller: CallerScopes, checks: [Access, Moment][]): Promise<void> => {
    const times = checks.map(([, { time }]) => time);
    const changes = await roleChangesOf(none.principalRoles, state.principalRoles, caller, times);
    for (const [holder, moment] of checks)
      for (const change of changes)
        if (!holdsChange(holder, change, none, state, moment))
          for (const id of change.principalIds) remaining.delete(id);
  };
  const later = [now, END_OF_TIME].map((time): [Access, Moment] => [access, { time, ignorePlan: true }]);
  const teams = access.effective?.grants.teams ?? NO_TEAMS;
  await removeUnheld({ projects: callerRolesOf(access.effective), teams }, later);
  const changeable = new Set(remaining);
  const moments = momentsOf(state, callerId, now).map((moment): [Access, Moment] => [
    accessOf(effectiveAtMoment(access.effective, state, callerId, moment)),
    moment,
  ]);
  const held = state.principalRoles.get(callerId);
  const projects = callerRolesOf(access.effective, held?.projects);
  await removeUnheld({ projects, teams: held?.teams ?? NO_TEAMS }, moments);
  return { changeable, removable: remaining };
}

/** A project role: a row of `assignments`. */
export interface ProjectRoleRow {
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
  { principalId, projectId }: ProjectRoleRow,
  now: Date,
): { changeable: boolean; removable: boolean } {
  const mayBecome = (roleId: string | null): boolean => {
    const after = {
      ...state,
      principalRoles: withProjectRole(state.principalRoles, principalId, projectId ?? '', roleId),
    };
    return momentsOf(state, callerId, now, after).every((moment) => {
      const { before, after: then } = changeOf(principalId, state, after, moment);
      const changed = Object.values(differenceIn(projectId, before, then)).flat();
      return holds(accessOf(effectiveAtMoment(access.effective, state, callerId, moment)), changed, projectId);
    });
  };
  return { changeable: mayBecome(NO_ACCESS), removable: mayBecome(null) };
}

/** The same roles with another project role of one principal. Null for none. */
function withProjectRole(
  principalRoles: RolesByPrincipal,
  principalId: string,
  projectId: string,
  roleId: string | null,
): RolesByPrincipal {
  const held = principalRoles.get(principalId);
  if (!held) return principalRoles;
  const projects = new Map(held.projects);
  if (roleId === null) projects.delete(projectId);
  else projects.set(projectId, roleId);
  const changed: PrincipalRoles = { ...held, projects };
  return new Map(principalRoles).set(principalId, changed);
}
