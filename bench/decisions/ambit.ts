import { decide } from '../../src/access/decide.ts';
import type { EffectiveGrants, Role } from '../../src/access/model.ts';
import { NO_TEAMS } from '../../src/access/ownership.ts';
import type { Ask } from './role.ts';

/** The grants of a member with this role and with other roles in some projects. Roles are compiled, as in Ambit's cache. */
export function heldWith(role: Role, projects: ReadonlyMap<string, Role | null> = new Map()): EffectiveGrants {
  const grants = { plan: 'ENTERPRISE', role, expired: null, projects, teams: NO_TEAMS } as const;
  return { grants: { ...grants, validUntil: Number.POSITIVE_INFINITY }, access: 'WRITE' };
}

export const ambit =
  (held: EffectiveGrants): Ask =>
  ({ permission, project }) =>
    decide(held, permission, project).allowed;
