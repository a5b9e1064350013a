import { decide, type Held } from '../../src/access/decide.ts';
import type { Role } from '../../src/access/roles.ts';
import type { Ask } from './role.ts';

/** What a member holds who has this role and, in some projects, another one: compiled before, as the engine keeps it. */
export function heldWith(role: Role, projects: ReadonlyMap<string, Role | null> = new Map()): Held {
  const grants = { plan: 'ENTERPRISE', role, ended: null, projects, validUntil: Number.POSITIVE_INFINITY } as const;
  return { grants, access: 'WRITE' };
}

export const ambit =
  (held: Held): Ask =>
  ({ permission, project }) =>
    decide(held, permission, project).allowed;
