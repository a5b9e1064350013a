import type { Permission } from './catalog.ts';
import type { Grants, ServiceScope, Target } from './model.ts';

/**
 * The permissions that are checked on a service. Statements with the condition `ownedByPrincipal` have an effect on these
 * only.
 */
export const SERVICE_PERMISSIONS: readonly Permission[] = [
  'service:read',
  'service:update',
  'service:delete',
  'check_result:read',
  'check_result:create',
];

/** Used instead of the ID of a team: for a service of any team of the principal. */
export const OWN_TEAM = 'own team';

/** Any service of a team of the principal. */
export const OWN_SERVICE: ServiceScope = { ownerId: OWN_TEAM };

/** The services of this team as the scope of a question. Null for services that no team owns. */
export const serviceOf = (ownerId: string | null): ServiceScope => ({ ownerId });

export const NO_TEAMS: ReadonlySet<string> = new Set();

export const isService = (target: Target): target is ServiceScope => target !== null && typeof target === 'object';

/** The project of a scope. Null for the organization and for a service. */
export const projectOf = (target: Target): string | null => (typeof target === 'string' ? target : null);

/** Whether a team of the principal owns the service. False for a scope that is no service. */
export const isOwned = ({ teams }: Pick<Grants, 'teams'>, target: Target): boolean =>
  isService(target) && target.ownerId !== null && (target.ownerId === OWN_TEAM || teams.has(target.ownerId));

/**
 * One team for each combination of these sets of teams, by the number of the combination: bit 0 says whether the team is in
 * the first set. In services of teams with the same combination, all decisions are the same.
 */
export function teamsByCombination(sets: readonly ReadonlySet<string>[]): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const set of sets)
    for (const team of set) {
      const combination = sets.reduce((bits, other, at) => bits | (other.has(team) ? 1 << at : 0), 0);
      if (!found.has(combination)) found.set(combination, team);
    }
  return new Map([...found].sort(([one], [other]) => one - other));
}
