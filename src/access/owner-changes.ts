import { getOrAdd } from '../lib/maps.ts';
import { forEachInSlices } from '../lib/slices.ts';
import type { Target } from './access.ts';
import { type AccessDelta, type Difference, differenceOf, grantsAtMoment, unrestrictedOrNull } from './change.ts';
import { allowedIn } from './decide.ts';
import { OWN_SERVICE, serviceOf } from './ownership.ts';
import type { AccessState } from './principal-roles.ts';
import { pairKeyOf } from './role-changes.ts';

/** A service whose owner changes. */
export interface MovedService {
  serviceId: string;
  /** The teams that own it before and after the change. Null for none. */
  before: string | null;
  after: string | null;
}

/**
 * The changes of access that follow from changes of owners: what each principal gains and loses on the services that its teams
 * receive, and on those that they no longer own. The state has the principals whose roles depend on their teams.
 */
export async function ownerAccessChanges(
  state: AccessState,
  moved: readonly MovedService[],
  now: Date,
): Promise<AccessDelta[]> {
  const changes: AccessDelta[] = [];
  const byTeams = new Map<ReadonlySet<string>, [received: string[], released: string[]]>();
  const byRole = new Map<string, Difference>();
  await forEachInSlices([...state.principalRoles].sort(byId), ([principalId, held]) => {
    const [received, released] = getOrAdd(byTeams, held.teams, () => movesOf(moved, held.teams));
    if (received.length + released.length === 0) return;
    // Principals with the same role differ only in what their teams own.
    const { gained, lost } = getOrAdd(byRole, pairKeyOf(held, held, [now]), () => byOwnership(state, principalId, now));
    if (gained.length + lost.length === 0) return;
    const change = { principalId, projectId: null, teamIds: null };
    if (received.length > 0) changes.push({ ...change, serviceIds: received, gained, lost });
    if (released.length > 0) changes.push({ ...change, serviceIds: released, gained: lost, lost: gained });
  });
  return changes;
}

const byId = ([one]: [string, unknown], [other]: [string, unknown]): number => (one < other ? -1 : 1);

function movesOf(moved: readonly MovedService[], teams: ReadonlySet<string>): [received: string[], released: string[]] {
  const has = (team: string | null): boolean => team !== null && teams.has(team);
  const between = (owned: boolean): string[] =>
    moved.flatMap(({ serviceId, before, after }) => (has(before) === owned && has(after) !== owned ? [serviceId] : []));
  return [between(false), between(true)];
}

/** What the principal gains and loses on a service that its teams receive. It loses what a denial with the condition denies. */
function byOwnership(state: AccessState, principalId: string, now: Date): Difference {
  const own = unrestrictedOrNull(grantsAtMoment(state, principalId, { time: now, ignorePlan: false }));
  const on = (scope: Target) => allowedIn(own, scope);
  return differenceOf(on(serviceOf(null)), on(OWN_SERVICE));
}
