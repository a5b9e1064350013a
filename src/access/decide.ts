import { entitlementsOf, type Plan, planWith } from '../plans.ts';
import { isReading, PERMISSIONS, type Permission } from './catalog.ts';
import { ROLES, type Role } from './roles.ts';

export type TokenAccess = 'READ' | 'WRITE';

/** What a principal holds in one organization, as of one version of its access and until `validUntil`. */
export interface Grants {
  plan: Plan;
  /** The organization role in force. */
  role: Role;
  /** A role that has ended, and when. */
  ended: { role: Role; at: Date } | null;
  /** Project roles by project; null says "no access". */
  projects: ReadonlyMap<string, Role | null>;
  /** When the next assignment ends, in milliseconds since 1970. */
  validUntil: number;
}

/** Grants as a credential lets them through. */
export interface Held {
  grants: Grants;
  access: TokenAccess;
}

/** Why not. Part of the public contract (`extensions.reason`): texts may change, these may not. */
export const REFUSAL_REASONS = {
  NO_ORGANIZATION: 'The credential is bound to no organization.',
  UNKNOWN_PERMISSION: 'There is no such permission.',
  NO_SUCH_PRINCIPAL: 'There is no such member, service account or user in the organization.',
  NO_SUCH_TARGET: 'The target does not exist, or the caller may not see it.',
  WRONG_LEVEL: 'The permission is about the organization and cannot be asked on a project.',
  NO_GRANT: 'No role of the principal grants the permission.',
  ENDED: 'A role that granted it has ended.',
  DENIED: 'A policy of a role denies it, which no other grant outweighs.',
  NARROWED: 'The role that the principal has in this project grants less than the organization role.',
  PLAN_LACKS: 'What grants it is frozen, because the plan of the organization lacks it.',
  READ_ONLY_TOKEN: 'The principal holds the permission, but the API token is read-only.',
  NOT_HELD: 'The principal would give, or take from somebody, permissions that it does not hold itself.',
  SESSION_REQUIRED: 'This is done by a signed-in person, not by an API token.',
} as const;

export type RefusalReason = keyof typeof REFUSAL_REASONS;

export type Decision =
  | { allowed: true; permission: Permission; because: { role: Role; in: 'organization' | 'project' } }
  | Refusal;

export interface Refusal {
  readonly allowed: false;
  readonly permission: Permission;
  readonly reason: RefusalReason;
  /** Texts are made when somebody reads them: most refusals are only counted. */
  readonly message: string;
  readonly hint: string;
}

export const UNBOUND_HINT = 'Switch to an organization, or create one.';

/**
 * May the holder of these grants do this, in this project or, without one, in the organization? A project-level
 * permission that is asked on the organization is answered as it holds in a project where there is no project role.
 *
 * The only place where that is decided: guards, `authorize`, `viewerPermissions`, dry runs and services all ask here.
 */
export function decide(held: Held | null, permission: Permission, projectId: string | null = null): Decision {
  if (!held) return refuse(permission, 'NO_ORGANIZATION', 'you are bound to no organization', UNBOUND_HINT);
  const { grants, access } = held;
  const decision = isPlain(grants)
    ? decideByRoles(grants, permission, projectId)
    : decideGrants(grants, permission, projectId);
  return access === 'READ' && decision.allowed && !isReading(permission) ? readOnly(permission) : decision;
}

/** Whether nothing but the roles decides: none has ended, and the plan freezes none. */
const isPlain = ({ ended, plan }: Grants): boolean =>
  ended === null && entitlementsOf(plan).customRoles && entitlementsOf(plan).projectRoles;

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
  role.neverNarrowed ? undefined : projects.get(projectId);

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
  const { role, ended } = grants;
  if (!role.allow.has(permission))
    return ended?.role.allow.has(permission) ? hasEnded(permission, ended) : noGrant(permission, role);
  if (role.builtIn === null && !entitlementsOf(grants.plan).customRoles)
    return frozen(permission, grants, 'customRoles');
  return { allowed: true, permission, because: { role, in: 'organization' } };
}

function decideByProject(grants: Grants, permission: Permission, projectRole: Role | null): Decision {
  if (projectRole?.deny.has(permission)) return denied(permission, projectRole);
  if (!projectRole?.allow.has(permission)) return lacking(grants, permission, projectRole);
  const entitlements = entitlementsOf(grants.plan);
  if (projectRole.builtIn === null && !entitlements.customRoles) return frozen(permission, grants, 'customRoles');
  // Frozen project roles still narrow, but widen no more: after a downgrade nobody can do more than before.
  if (!entitlements.projectRoles && !decideByOrganization(grants, permission).allowed)
    return frozen(permission, grants, 'projectRoles');
  return { allowed: true, permission, because: { role: projectRole, in: 'project' } };
}

function lacking({ role, ended }: Grants, permission: Permission, projectRole: Role | null): Refusal {
  if (role.allow.has(permission)) return narrowed(permission, projectRole);
  // As long as the ended role was in force, the project role did not count.
  if (ended?.role.neverNarrowed && ended.role.allow.has(permission)) return hasEnded(permission, ended);
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

const narrowed = (permission: Permission, role: Role | null): Refusal =>
  refuse(
    permission,
    'NARROWED',
    () => (role ? `the project role ${role.name} does not grant it` : 'there is no access to this project'),
    'The organization role would grant it, but a project role stands in its place: ask for another one in this project.',
  );

const hasEnded = (permission: Permission, ended: { role: Role; at: Date }): Refusal =>
  refuse(
    permission,
    'ENDED',
    () => `the role ${ended.role.name}, which grants it, ended on ${ended.at.toISOString()}`,
    'Ask for the role to be given again.',
  );

const frozen = (permission: Permission, { plan }: Grants, feature: 'customRoles' | 'projectRoles'): Refusal =>
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
