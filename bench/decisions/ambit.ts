import { decide } from '../../src/access/decide.ts';
import type { EffectiveGrants, Role } from '../../src/access/model.ts';
import type { Ask } from './role.ts';

/** The grants of a member with this role and with other roles in some projects. Roles are compiled, as in Ambit's cache. */
export function heldWith(role: Role, projects: ReadonlyMap<string, Role | null> = new Map()): EffectiveGrants {
  const grants = { plan: 'ENTERPRISE', role, expired: null, projects, validUntil: Number.POSITIVE_INFINITY } as const;
  return { grants, access: 'WRITE' };
}

export const ambit =
  (held: EffectiveGrants): Ask =>
  ({ permission, project }) =>
    decide(held, permission, project).allowed;
