import type { Permission } from '../../src/access/catalog.ts';
import { decide } from '../../src/access/decide.ts';
import type { Decision, EffectiveGrants, Grants, Role, Target } from '../../src/access/model.ts';
import { compileRole, ROLES, roleByKey } from '../../src/access/roles.ts';
import type { Statement } from '../../src/resources/policy/table.ts';

/** The project of the examples. */
export const PROJECT = 'staging';

export const allow = (...permissions: string[]): Statement => ({ effect: 'ALLOW', permissions });
export const deny = (...permissions: string[]): Statement => ({ effect: 'DENY', permissions });

/** Statements with the condition `ownedByPrincipal`. */
export const allowIfOwned = (...ifOwned: string[]): Statement => ({ effect: 'ALLOW', permissions: [], ifOwned });
export const denyIfOwned = (...ifOwned: string[]): Statement => ({ effect: 'DENY', permissions: ifOwned, ifOwned });

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

/** Effective grants of a signed-in member. Defaults to the organization role Read on the plan ENTERPRISE. */
export const effective = (
  grants: Partial<Grants> = {},
  access: EffectiveGrants['access'] = 'WRITE',
): EffectiveGrants => ({
  grants: {
    plan: 'ENTERPRISE',
    role: roleByKey('read'),
    expired: null,
    projects: new Map(),
    teams: new Set(),
    validUntil: Number.POSITIVE_INFINITY,
    ...grants,
  },
  access,
});

export const ask = (grants: EffectiveGrants | null, permission: string, target: Target = null): Decision =>
  decide(grants, permission as Permission, target);

/** The permissions of these that are allowed in the scope. */
export const allowedOf = (grants: EffectiveGrants, permissions: readonly string[], target: Target = null): string[] =>
  permissions.filter((permission) => ask(grants, permission, target).allowed);
