import { isReading, PERMISSIONS, type Permission } from './catalog.ts';
import { ROLES, type Role } from './roles.ts';

/** What a principal holds in one organization, and what its credential lets through of that. */
export interface Grants {
  role: Role;
  access: 'READ' | 'WRITE';
}

/** Why not. Part of the public contract (`extensions.reason`): texts may change, these may not. */
export const REFUSAL_REASONS = {
  NO_ORGANIZATION: 'The credential is bound to no organization.',
  NO_GRANT: 'No role of the principal grants the permission.',
  READ_ONLY_TOKEN: 'The principal holds the permission, but the API token is read-only.',
  NOT_HELD: 'The principal would give, or act on somebody who has, permissions that it does not hold itself.',
  SESSION_REQUIRED: 'This is done by a signed-in person, not by an API token.',
} as const;

export type RefusalReason = keyof typeof REFUSAL_REASONS;

export const UNBOUND_HINT = 'Switch to an organization, or create one.';

export type Decision =
  | { allowed: true; permission: Permission; because: { role: Role } }
  | { allowed: false; permission: Permission; reason: RefusalReason; message: string; hint: string };

/**
 * May the holder of these grants do this? The only place where that is decided: guards, `viewerPermissions`, services
 * and tests all ask here.
 */
export function decide(grants: Grants | null, permission: Permission): Decision {
  if (!grants) return refuse(permission, 'NO_ORGANIZATION', 'you are bound to no organization', UNBOUND_HINT);
  if (!grants.role.permissions.has(permission))
    return refuse(permission, 'NO_GRANT', `your role ${grants.role.name} does not grant it`, whoGrants(permission));
  if (grants.access === 'READ' && !isReading(permission))
    return refuse(
      permission,
      'READ_ONLY_TOKEN',
      'this API token is read-only',
      'Use a token with WRITE access, or sign in.',
    );
  return { allowed: true, permission, because: { role: grants.role } };
}

/** The permissions that `decide` allows. */
export const heldPermissions = (grants: Grants | null): Permission[] =>
  [...PERMISSIONS.values()].map((row) => row.name).filter((name) => decide(grants, name).allowed);

/** Everything a role grants is held: the test for giving a role, and for acting on somebody who has it. */
export const holdsAll = (grants: Grants | null, role: Role): boolean =>
  grants !== null && [...role.permissions].every((permission) => decide(grants, permission).allowed);

const refuse = (permission: Permission, reason: RefusalReason, why: string, hint: string): Decision => ({
  allowed: false,
  permission,
  reason,
  message: `${permission} is needed, and ${why}.`,
  hint,
});

function whoGrants(permission: Permission): string {
  const names = ROLES.filter((role) => role.permissions.has(permission)).map((role) => role.name);
  return `Roles that grant it: ${names.join(', ')}. Ask who manages the members for one of them.`;
}
