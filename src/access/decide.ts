import { entitlementsOf, planWith } from '../lib/plans.ts';
import { isReading, PERMISSIONS, type Permission } from './catalog.ts';
import type { Decision, EffectiveGrants, Grants, Refusal, Role } from './model.ts';
import type { RefusalReason } from './reasons.ts';
import { ROLES } from './roles.ts';

export const UNBOUND_HINT = 'Switch to an organization, or create one.';

/**
 * May the holder of these grants do this, in this project or, without one, in the organization? A project-level
 * permission that is asked on the organization is answered as it holds in a project where there is no project role.
 *
 * The only place where that is decided: guards, `authorize`, `viewerPermissions`, dry runs and services all ask here.
 */
export function decide(
  held: EffectiveGrants | null,
  permission: Permission,
  projectId: string | null = null,
): Decision {
  if (!held) return refuse(permission, 'NO_ORGANIZATION', 'you are bound to no organization', UNBOUND_HINT);
  const { grants, access } = held;
  const decision = isPlain(grants)
    ? decideByRoles(grants, permission, projectId)
    : decideGrants(grants, permission, projectId);
  return access === 'READ' && decision.allowed && !isReading(permission) ? readOnly(permission) : decision;
}

/** Whether nothing but the roles decides: none has ended, and the plan freezes none. */
const isPlain = ({ expired, plan }: Grants): boolean =>
  expired === null && entitlementsOf(plan).customRoles && entitlementsOf(plan).projectRoles;

/**
 * What roles alone decide is the same for all who hold them, so it is decided once, and kept with the role: in the
 * organization, and under each project role.
 */
function decideByRoles(grants: Grants, permission: Permission, projectId: string | null): Decision {
  const known = projectId === null ? grants.role.decided.inOrganization : decidedInProject(grants, projectId);
  return known.get(permission) ?? decideAndKeep(known, grants, permission, projectId);
}

/** What stands for having no role in a project, and for having no access to it. */
const [NO_ROLE, NO_ACCESS] = [{}, {}];

function decidedInProject(grants: Grants, projectId: string): Map<Permission, Decision> {
  const { inProjects } = grants.role.decided;
  const projectRole = projectRoleIn(grants, projectId);
  const key = projectRole ?? (projectRole === null ? NO_ACCESS : NO_ROLE);
  let known = inProjects.get(key);
  if (!known) {
    known = new Map();
    inProjects.set(key, known);
  }
  return known;
}

function decideAndKeep(
  known: Map<Permission, Decision>,
  grants: Grants,
  permission: Permission,
  projectId: string | null,
): Decision {
  const decision = decideGrants(grants, permission, projectId);
  // What is no permission is asked for from outside, under any name.
  if (PERMISSIONS.has(permission)) known.set(permission, decision);
  return decision;
}

/** The role that stands in the place of the organization role; undefined where none does. */
const projectRoleIn = ({ role, projects }: Grants, projectId: string): Role | null | undefined =>
  role.neverOverridden ? undefined : projects.get(projectId);

function decideGrants(grants: Grants, permission: Permission, projectId: string | null): Decision {
  const { role } = grants;
  if (projectId !== null && PERMISSIONS.get(permission)?.level === 'organization')
    return refuse(permission, 'WRONG_LEVEL', 'it cannot be asked on a project', 'Ask it on the organization.');
  // The organization's denials hold in every project, whatever role one has there.
  if (role.deny.has(permission)) return denied(permission, role);
  const projectRole = projectId === null ? undefined : projectRoleIn(grants, projectId);
  return projectRole === undefined
    ? decideByOrganization(grants, permission)
    : decideByProject(grants, permission, projectRole);
}

function decideByOrganization(grants: Grants, permission: Permission): Decision {
  const { role, expired } = grants;
  if (!role.allow.has(permission))
    return expired?.role.allow.has(permission) ? roleExpired(permission, expired) : noGrant(permission, role);
  if (role.builtIn === null && !entitlementsOf(grants.plan).customRoles)
    return suspendedByPlan(permission, grants, 'customRoles');
  return { allowed: true, permission, because: { role, in: 'organization' } };
}

function decideByProject(grants: Grants, permission: Permission, projectRole: Role | null): Decision {
  if (projectRole?.deny.has(permission)) return denied(permission, projectRole);
  if (!projectRole?.allow.has(permission)) return lacking(grants, permission, projectRole);
  const entitlements = entitlementsOf(grants.plan);
  if (projectRole.builtIn === null && !entitlements.customRoles)
    return suspendedByPlan(permission, grants, 'customRoles');
  // Frozen project roles still narrow, but widen no more: after a downgrade nobody can do more than before.
  if (!entitlements.projectRoles && !decideByOrganization(grants, permission).allowed)
    return suspendedByPlan(permission, grants, 'projectRoles');
  return { allowed: true, permission, because: { role: projectRole, in: 'project' } };
}

function lacking({ role, expired }: Grants, permission: Permission, projectRole: Role | null): Refusal {
  if (role.allow.has(permission)) return overridden(permission, projectRole);
  // As long as the ended role was in force, the project role did not count.
  if (expired?.role.neverOverridden && expired.role.allow.has(permission)) return roleExpired(permission, expired);
  return noGrant(permission, projectRole ?? role);
}

type Text = string | (() => string);

const textOf = (text: Text): string => (typeof text === 'string' ? text : text());

const refuse = (permission: Permission, reason: RefusalReason, why: Text, hint: Text): Refusal => ({
  allowed: false,
  permission,
  reason,
  get message() {
    return `${permission} is needed, and ${textOf(why)}.`;
  },
  get hint() {
    return textOf(hint);
  },
});

const readOnlyRefusals = new Map<Permission, Refusal>();

function readOnly(permission: Permission): Refusal {
  let refusal = readOnlyRefusals.get(permission);
  if (!refusal) {
    refusal = refuse(
      permission,
      'READ_ONLY_TOKEN',
      'this API token is read-only',
      'Use a token with WRITE access, or sign in.',
    );
    readOnlyRefusals.set(permission, refusal);
  }
  return refusal;
}

const noGrant = (permission: Permission, role: Role): Refusal =>
  refuse(
    permission,
    'NO_GRANT',
    () => `the role ${role.name} does not grant it`,
    () => whoGrants(permission),
  );

const denied = (permission: Permission, role: Role): Refusal =>
  refuse(
    permission,
    'DENIED',
    () => `policy ${role.deny.get(permission)} of role ${role.name} denies it`,
    'A denial outweighs every grant: the policy has to change, or the role.',
  );

const overridden = (permission: Permission, role: Role | null): Refusal =>
  refuse(
    permission,
    'NARROWED',
    () => (role ? `the project role ${role.name} does not grant it` : 'there is no access to this project'),
    'The organization role would grant it, but a project role stands in its place: ask for another one in this project.',
  );

const roleExpired = (permission: Permission, ended: { role: Role; at: Date }): Refusal =>
  refuse(
    permission,
    'ENDED',
    () => `the role ${ended.role.name}, which grants it, ended on ${ended.at.toISOString()}`,
    'Ask for the role to be given again.',
  );

const suspendedByPlan = (permission: Permission, { plan }: Grants, feature: 'customRoles' | 'projectRoles'): Refusal =>
  refuse(
    permission,
    'PLAN_LACKS',
    () => `what grants it is frozen on the plan ${plan}`,
    () => `The plan ${planWith(feature)} has it.`,
  );

function whoGrants(permission: Permission): string {
  const names = ROLES.filter((role) => role.scope === 'organization' && role.allow.has(permission)).map(
    (role) => role.name,
  );
  return `Roles that grant it: ${names.join(', ')}. Ask who manages the members for one of them.`;
}
