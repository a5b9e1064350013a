/**
 * The rule that nobody grants or removes what they do not hold, for each principal, project and moment on its own, as the
 * rule reads. It compares the whole grants of each principal. `src/access` computes equal changes of roles once.
 */
import { type Access, accessOf, unrestricted } from '../../src/access/access.ts';
import { type AccessDelta, differenceIn, grantsAtMoment, type Moment, momentsOf } from '../../src/access/change.ts';
import { type Caller, requireHeldChange } from '../../src/access/escalation.ts';
import type { EffectiveGrants } from '../../src/access/model.ts';
import { type AccessState, END_OF_TIME } from '../../src/access/principal-roles.ts';
import type { Reach } from '../../src/access/reach.ts';

const idsOf = (...states: AccessState[]): string[] =>
  [...new Set(states.flatMap(({ principalRoles }) => [...principalRoles.keys()]))].sort();

function heldBy(state: AccessState, id: string, moment: Moment): EffectiveGrants | null {
  const grants = grantsAtMoment(state, id, moment);
  return grants ? unrestricted(grants) : null;
}

function callerAt({ id, effective }: Caller, state: AccessState, moment: Moment): Access {
  // The state does not contain API keys. They have no roles that expire.
  const ofKey = effective?.grants.role.isOfKey && {
    ...effective.grants,
    plan: moment.ignorePlan ? 'ENTERPRISE' : state.plan,
  };
  const grants = ofKey || grantsAtMoment(state, id, moment);
  return accessOf(grants && effective ? { ...effective, grants } : null);
}

/** The message of the refusal. Null if the change is allowed. */
export function naiveRefusal(caller: Caller, before: AccessState, after: AccessState, now: Date): string | null {
  for (const moment of momentsOf(before, caller.id, now, after))
    for (const id of idsOf(before, after)) {
      const change = { before: heldBy(before, id, moment), after: heldBy(after, id, moment) };
      const message = messageOf(() => requireHeldChange(callerAt(caller, before, moment), change, 'It'));
      if (message) return message;
    }
  return null;
}

export function messageOf(check: () => void): string | null {
  try {
    check();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

export function naiveReach(access: Access, state: AccessState, callerId: string, now: Date): Reach {
  const holds = (holder: Access, id: string, moment: Moment): boolean =>
    messageOf(() => requireHeldChange(holder, { before: heldBy(state, id, moment), after: null }, 'It')) === null;
  const later = [now, END_OF_TIME].map((time) => ({ time, ignorePlan: true }));
  const changeable = idsOf(state).filter((id) => later.every((moment) => holds(access, id, moment)));
  const withGrantsAt = (moment: Moment): Access =>
    callerAt({ id: callerId, effective: access.effective }, state, moment);
  const removable = changeable.filter((id) =>
    momentsOf(state, callerId, now).every((moment) => holds(withGrantsAt(moment), id, moment)),
  );
  return { changeable: new Set(changeable), removable: new Set(removable) };
}

export function naiveChanges(before: AccessState, after: AccessState, now: Date): AccessDelta[] {
  const moment = { time: now, ignorePlan: false };
  return idsOf(before, after).flatMap((principalId) => {
    const [had, has] = [heldBy(before, principalId, moment), heldBy(after, principalId, moment)];
    const deltaIn = (projectId: string | null) => ({
      principalId,
      projectId,
      teamIds: null,
      ...differenceIn(projectId, had, has),
    });
    const isChange = ({ gained, lost }: AccessDelta): boolean => gained.length + lost.length > 0;
    const inOrganization = [deltaIn(null)].filter(isChange);
    const projects = [...new Set([had, has].flatMap((held) => [...(held?.grants.projects.keys() ?? [])]))].sort();
    const inProjects = projects.map(deltaIn).filter((delta) => inOrganization.length > 0 || isChange(delta));
    const isTeamOf = (held: EffectiveGrants | null, team: string): boolean => held?.grants.teams.has(team) ?? false;
    const teams = [...new Set([had, has].flatMap((held) => [...(held?.grants.teams ?? [])]))].sort();
    const isOther = (one: AccessDelta, other: AccessDelta): boolean =>
      JSON.stringify([one.gained, one.lost]) !== JSON.stringify([other.gained, other.lost]);
    const onServices = [
      teams.filter((team) => isTeamOf(had, team) && !isTeamOf(has, team)),
      teams.filter((team) => !isTeamOf(had, team) && isTeamOf(has, team)),
      teams.filter((team) => isTeamOf(had, team) && isTeamOf(has, team)),
    ].flatMap((teamIds): AccessDelta[] => {
      const [ownerId] = teamIds;
      const delta = { principalId, projectId: null, teamIds, ...differenceIn({ ownerId: ownerId ?? null }, had, has) };
      return ownerId !== undefined && isOther(delta, deltaIn(null)) ? [delta] : [];
    });
    return [...inOrganization, ...inProjects, ...onServices];
  });
}
