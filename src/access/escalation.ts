import { type Access, permissionsOf, refusal, type Target } from './access.ts';
import { PERMISSIONS, type Permission } from './catalog.ts';
import type { EffectiveGrants, Grants } from './model.ts';

/**
 * Throws NOT_HELD unless the caller holds all of these permissions in this scope. Permissions of level `organization`
 * have no effect in a project, so they are ignored there.
 */
export function requireHeld(access: Access, permissions: Iterable<Permission>, scope: Target, action: string): void {
  const relevant = [...permissions].filter((name) => scope === null || PERMISSIONS.get(name)?.level !== 'organization');
  const missing = relevant.find((permission) => !access.can(permission, scope));
  if (missing)
    throw refusal(
      'NOT_HELD',
      `${action} takes ${missing}, which you do not hold yourself.`,
      'Ask somebody who holds it.',
      missing,
    );
}

/**
 * Throws NOT_HELD unless the caller holds everything that the grants allow through a token of this access. What the
 * plan suspends counts as well, because another plan would restore it.
 */
export function requireContains(
  access: Access,
  grants: Grants,
  tokenAccess: EffectiveGrants['access'],
  action: string,
): void {
  const ignoringPlan: Grants = { ...grants, plan: 'ENTERPRISE' };
  for (const scope of scopesOf(access, grants))
    requireHeld(access, permissionsOf({ grants: ignoringPlan, access: tokenAccess }, scope), scope, action);
}

/** Whether the caller holds everything that these grants allow now. */
export const contains = (access: Access, grants: Grants): boolean =>
  scopesOf(access, grants).every((scope) =>
    permissionsOf({ grants, access: 'WRITE' }, scope).every((name) => access.can(name, scope)),
  );

/** The scopes in which the two can differ: the organization, and each project in which one of them has a role. */
const scopesOf = (access: Access, grants: Grants): Target[] => [
  ...new Set([null, ...grants.projects.keys(), ...(access.effective?.grants.projects.keys() ?? [])]),
];
