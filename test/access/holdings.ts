import type { Permission } from '../../src/access/catalog.ts';
import { type Decision, decide, type Grants, type Held } from '../../src/access/decide.ts';
import { compileRole, ROLES, type Role, roleByKey, type Statement } from '../../src/access/roles.ts';

/** The project that the examples are about. */
export const PROJECT = 'staging';

export const allow = (...permissions: string[]): Statement => ({ effect: 'ALLOW', permissions });
export const deny = (...permissions: string[]): Statement => ({ effect: 'DENY', permissions });

/** A custom role with one policy, which is named after it. */
export const customRole = (name: string, ...statements: Statement[]): Role =>
  compileRole({
    id: name,
    name,
    description: null,
    projectId: null,
    policies: [{ name: `${name} policy`, statements }],
  });

export const projectRole = (key: string): Role =>
  ROLES.find((role) => role.scope === 'project' && role.builtIn === key) as Role;

/** What somebody holds who signed in, with organization role Read on the greatest plan unless told otherwise. */
export const holding = (grants: Partial<Grants> = {}, access: Held['access'] = 'WRITE'): Held => ({
  grants: {
    plan: 'ENTERPRISE',
    role: roleByKey('read'),
    ended: null,
    projects: new Map(),
    validUntil: Number.POSITIVE_INFINITY,
    ...grants,
  },
  access,
});

export const ask = (held: Held | null, permission: string, target: string | null = null): Decision =>
  decide(held, permission as Permission, target);

/** Which of these may be done there. */
export const allowedOf = (held: Held, permissions: readonly string[], target: string | null = null): string[] =>
  permissions.filter((permission) => ask(held, permission, target).allowed);
