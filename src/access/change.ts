import type { Plan } from '../lib/plans.ts';
import { permissionsOf, type Target, unrestricted } from './access.ts';
import type { Permission } from './catalog.ts';
import { type AccessRows, END_OF_TIME, type GrantsById, grantsAt, grantsOfPrincipal } from './grants.ts';
import type { EffectiveGrants, Grants } from './model.ts';
import { OWNER } from './roles.ts';

/** The effect of a change on one principal in one scope. */
export interface AccessDelta {
  principalId: string;
  /** Null for the organization, and for every project that is not listed for this principal. */
  projectId: string | null;
  gained: Permission[];
  lost: Permission[];
}

/** The permissions that a principal gains and loses in this scope. Null stands for a principal that does not exist. */
export function differenceIn(
  scope: Target,
  before: EffectiveGrants | null,
  after: EffectiveGrants | null,
): Pick<AccessDelta, 'gained' | 'lost'> {
  const [had, has] = [new Set(permissionsOf(before, scope)), new Set(permissionsOf(after, scope))];
  return { gained: [...has.difference(had)], lost: [...had.difference(has)] };
}

export const principalIds = (before: GrantsById, after: GrantsById): string[] =>
  [...new Set([...before.keys(), ...after.keys()])].sort();

/**
 * What each principal gains and loses: in the organization, and in each project where it has a role. While access to the
 * organization changes, such a project is listed even if nothing changes there, because there it differs.
 */
export const accessChanges = (before: GrantsById, after: GrantsById): AccessDelta[] =>
  principalIds(before, after).flatMap((id) => changesOf(id, before.get(id), after.get(id)));

function changesOf(principalId: string, before: Grants | undefined, after: Grants | undefined): AccessDelta[] {
  const deltaIn = (projectId: Target): AccessDelta => ({
    principalId,
    projectId,
    ...differenceIn(projectId, unrestrictedOrNull(before), unrestrictedOrNull(after)),
  });
  const inOrganization = [deltaIn(null)].filter(isChange);
  const projects = new Set([...(before?.projects.keys() ?? []), ...(after?.projects.keys() ?? [])]);
  const inProjects = [...projects].map(deltaIn).filter((delta) => inOrganization.length > 0 || isChange(delta));
  return [...inOrganization, ...inProjects];
}

const isChange = ({ gained, lost }: AccessDelta): boolean => gained.length + lost.length > 0;

export const unrestrictedOrNull = (grants: Grants | undefined): EffectiveGrants | null =>
  grants ? unrestricted(grants) : null;

/** The access of an organization before or after a change. */
export interface AccessState {
  rows: AccessRows;
  plan: Plan;
}

/** A time at which a change is checked, and whether roles count that the plan suspends. */
export interface Moment {
  time: Date;
  ignorePlan: boolean;
}

export const grantsAtMoment = ({ rows, plan }: AccessState, { time, ignorePlan }: Moment): GrantsById =>
  grantsAt(rows, ignorePlan ? 'ENTERPRISE' : plan, time);

/**
 * The times at which a change is checked: now, after the role of the caller expires, at each end of a role that the
 * change moves, and after all roles expire. At each time also as if the plan suspended nothing. So a caller cannot grant
 * anything for longer than the caller has it.
 */
export function momentsOf(before: AccessState, callerId: string, now: Date, after = before): Moment[] {
  const caller = grantsOfPrincipal(before.rows, callerId, before.plan, now);
  const expiry = caller && Number.isFinite(caller.validUntil) ? [caller.validUntil] : [];
  const ends = new Set([...expiry, ...movedEnds(before.rows, after.rows)].filter((end) => end > now.getTime()));
  const times = [now, ...[...ends].map((end) => new Date(end)), END_OF_TIME];
  return [{ time: now, ignorePlan: false }, ...times.map((time) => ({ time, ignorePlan: true }))];
}

/** When roles expire that are in only one of the two, in milliseconds since 1970. */
function movedEnds(before: AccessRows, after: AccessRows): Set<number> {
  const [had, has] = [before, after].map(
    ({ assignments }) => new Set(assignments.flatMap((row) => (row.expiresAt ? [`${row.id} ${+row.expiresAt}`] : []))),
  ) as [Set<string>, Set<string>];
  return new Set([...had.symmetricDifference(has)].map((key) => Number(key.split(' ')[1])));
}

/**
 * The project roles that a change of organization roles leaves without effect: those of principals that were or become
 * Owner or Admin. Otherwise a project role that somebody gave to an Admin would take effect after a demotion.
 */
export function projectRolesToDeactivate(before: AccessState, after: AccessState, now: Date): string[] {
  const isAbove = ({ rows, plan }: AccessState): Set<string> =>
    new Set([...grantsAt(rows, plan, now)].filter(([, { role }]) => role.neverOverridden).map(([id]) => id));
  const above = isAbove(before).union(isAbove(after));
  return after.rows.assignments
    .filter((row) => row.projectId !== null && !row.inactive && above.has(row.principalId))
    .map(({ id }) => id);
}

/** Whether a principal that was Owner without expiry is no longer Owner without expiry. */
export function losesOwner(before: AccessRows, after: AccessRows): boolean {
  const ownersIn = ({ assignments }: AccessRows): Set<string> =>
    new Set(
      assignments
        .filter((row) => row.projectId === null && row.builtInRoleId === OWNER.id && row.expiresAt === null)
        .map((row) => row.principalId),
    );
  return !ownersIn(before).isSubsetOf(ownersIn(after));
}
