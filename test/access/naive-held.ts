/**
 * The rule that nobody grants or removes what they do not hold, in worlds: for each principal, scope and moment on its
 * own, and without a line of `src/access`.
 */
import { allows, naivePermissions, roleNow, signedIn, type Target, type World } from './naive.ts';

export type People = Record<string, World>;

/** Who changes something. `world` is undefined if the caller does not exist. */
export interface NaiveCaller {
  world: World | undefined;
  /** The end of the role of each principal is one of these times. */
  times: number[];
  scopes: Target[];
}

type Moment = Pick<World, 'now' | 'plan'>;

/** Now with the current plan, and at each later time without suspensions by the plan. */
const momentsOf = (plan: World['plan'], times: number[]): Moment[] => [
  { now: times[0] as number, plan },
  ...times.map((now) => ({ now, plan: 'ENTERPRISE' as const })),
];

/** Whether the caller holds all that each of these people gains and loses. */
export function naiveMay(
  { world, times, scopes }: NaiveCaller,
  before: People,
  after: People,
  plans: [World['plan'], World['plan']],
): boolean {
  for (const moment of momentsOf(plans[0], times)) {
    const planAfter = moment.plan === plans[0] && moment.now === times[0] ? plans[1] : moment.plan;
    const caller = world && { ...world, ...moment };
    for (const id of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const had = at(before[id], moment);
      const has = at(after[id], { ...moment, plan: planAfter });
      if (!holdsDifference(caller, had, has, scopes)) return false;
    }
  }
  return true;
}

const at = (world: World | undefined, moment: Moment): World | undefined => world && signedIn({ ...world, ...moment });

function holdsDifference(
  caller: World | undefined,
  had: World | undefined,
  has: World | undefined,
  scopes: Target[],
): boolean {
  if (isOwner(had) !== isOwner(has) && !isOwner(caller)) return false;
  for (const scope of scopes) {
    const [before, after] = [permissionsIn(had, scope), permissionsIn(has, scope)];
    for (const name of before.symmetricDifference(after)) if (!caller || !allows(caller, name, scope)) return false;
  }
  return true;
}

function permissionsIn(world: World | undefined, scope: Target): Set<string> {
  if (!world) return new Set();
  const roles = KNOWN.get(world.organization) ?? new Map<string, Set<string>>();
  KNOWN.set(world.organization, roles);
  const key = JSON.stringify([
    world.now,
    world.plan,
    scope,
    world.teams,
    world.projects.find(({ id }) => id === scope),
  ]);
  const known = roles.get(key) ?? new Set(naivePermissions(world, scope));
  roles.set(key, known);
  return known;
}

/** Many people share a role. */
const KNOWN = new WeakMap<World['organization'], Map<string, Set<string>>>();

/** The principal of a limited credential stays an Owner. The caller that uses the credential does not count as one. */
const isOwner = (world: World | undefined): boolean =>
  world !== undefined && !world.key && !world.narrowed && world.access === 'WRITE' && roleNow(world) === 'owner';

/** Whether the caller holds all that these people have, now and after all roles have ended. */
export const naiveReaches = (caller: NaiveCaller, person: World): boolean =>
  [caller.times[0] as number, Number.POSITIVE_INFINITY].every((now) =>
    holdsDifference(caller.world, at(person, { now, plan: 'ENTERPRISE' }), undefined, caller.scopes),
  );

/** Whether the caller holds, on a service whose owner changes, all that these people gain and lose there. */
export function naiveMayMove(
  { world, times }: NaiveCaller,
  people: People,
  from: string | null,
  to: string | null,
): boolean {
  for (const moment of momentsOf('ENTERPRISE', times))
    for (const person of Object.values(people)) {
      const own = at(person, moment);
      const [had, has] = [permissionsIn(own, { ownerId: from }), permissionsIn(own, { ownerId: to })];
      for (const name of had.symmetricDifference(has))
        if (!world || !allows({ ...world, ...moment }, name, { ownerId: from })) return false;
    }
  return true;
}
