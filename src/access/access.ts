import { AmbitError } from '../errors.ts';
import type { Permission } from './catalog.ts';
import {
  type Decision,
  decide,
  type Grants,
  heldPermissions,
  holdsAll,
  type RefusalReason,
  UNBOUND_HINT,
} from './decide.ts';
import { findRoleById, ROLES, type Role, roleByKey } from './roles.ts';

/** What services and resolvers ask about the caller. Fixed for the actor it was made for. */
export interface Access {
  readonly grants: Grants | null;
  decide(permission: Permission): Decision;
  can(permission: Permission): boolean;
  /** Throws FORBIDDEN with the reason. */
  require(permission: Permission): void;
  /** Throws FORBIDDEN for who is bound to no organization. */
  requireOrganization(): void;
  /** Throws FORBIDDEN unless the caller holds everything that the role grants ("No escalation"). */
  requireAllOf(role: Role, permission: Permission, doing: string): void;
  /** Whether the caller holds everything that the role grants. */
  holdsAll(role: Role): boolean;
  held(): Permission[];
  readonly roles: readonly Role[];
  findRole(id: string): Role | null;
  role: typeof roleByKey;
}

export function accessOf(grants: Grants | null): Access {
  const can = (permission: Permission): boolean => decide(grants, permission).allowed;
  return {
    grants,
    can,
    decide: (permission) => decide(grants, permission),
    require(permission) {
      const decision = decide(grants, permission);
      if (!decision.allowed) throw forbidden(decision);
    },
    requireOrganization() {
      if (!grants) throw refusal('NO_ORGANIZATION', 'You are bound to no organization.', UNBOUND_HINT);
    },
    requireAllOf(role, permission, doing) {
      if (!holdsAll(grants, role)) throw escalation(role, permission, doing);
    },
    holdsAll: (role) => holdsAll(grants, role),
    held: () => heldPermissions(grants),
    roles: ROLES,
    findRole: findRoleById,
    role: roleByKey,
  };
}

export const forbidden = (decision: Extract<Decision, { allowed: false }>): AmbitError =>
  refusal(decision.reason, decision.message, decision.hint, decision.permission);

export const refusal = (reason: RefusalReason, message: string, hint: string, permission?: Permission): AmbitError =>
  new AmbitError('FORBIDDEN', message, { permission: permission ?? null, reason, hint });

const escalation = (role: Role, permission: Permission, doing: string): AmbitError =>
  refusal(
    'NOT_HELD',
    `${doing} takes everything that the role ${role.name} grants, and you do not hold all of it.`,
    `Ask somebody who has the role ${role.name}.`,
    permission,
  );
