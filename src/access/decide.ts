import type { RefusalReason } from '../lib/errors.ts';
import { entitlementsOf, type Plan, planWith } from '../lib/plans.ts';
import { isReading, PERMISSIONS, type Permission } from './catalog.ts';
import type { Decision, DecisionCache, EffectiveGrants, Grants, Narrowing, Refusal, Role, Target } from './model.ts';
import { isOwned, isService, projectOf } from './ownership.ts';
import { READ_IN_ORGANIZATION, READ_IN_PROJECT, ROLES } from './roles.ts';
import type { Exclusion, Recorder, Step } from './steps.ts';

export const UNBOUND_HINT = 'Switch to an organization, or create one.';

/**
 * Whether the principal has a permission in a project, on a service or, without a target, in the organization. A
 * project-level permission that is checked on the organization is decided as in a project in which the principal has no
 * project role. On a service, everything is decided as in the organization, and statements with the condition
 * `ownedByPrincipal` count in addition if a team of the principal owns the service.
 *
 * This is the only place for access decisions. Guards, `authorize`, `viewerPermissions`, dry runs and services call it.
 */
export function decide(effective: EffectiveGrants | null, permission: Permission, target: Target = null): Decision {
  if (!effective)
    return refuse(permission, 'NO_ORGANIZATION', 'your credential is bound to no organization', UNBOUND_HINT);
  const { grants } = effective;
  const decision =
    grants.expired === null ? decideCached(grants, permission, target) : decideGrants(grants, permission, target);
  return decision.allowed ? (checkCredential(effective, permission, projectOf(target)) ?? decision) : decision;
}

export interface Trace {
  decision: Decision;
  /** The steps up to the first one that did not pass. */
  steps: Step[];
}

/** The decision with its steps. Runs the same rules as `decide`, without the cache. */
export function trace(effective: EffectiveGrants, permission: Permission, target: Target): Trace {
  const steps: Step[] = [];
  const record: Recorder = (step) => void steps.push(step);
  const decision = decideGrants(effective.grants, permission, target, record);
  const refusal = decision.allowed ? checkCredential(effective, permission, projectOf(target), record) : null;
  return { decision: refusal ?? decision, steps };
}

/**
 * Without an expired role a decision is the same for all principals with these roles on this plan. It is cached with
 * the organization role: for the organization, for services of the principal's teams, and for each project role.
 */
function decideCached(grants: Grants, permission: Permission, target: Target): Decision {
  const cache = cacheIn(decisionsOf(grants), grants, target);
  return cache.get(permission) ?? decideAndCache(cache, grants, permission, target);
}

function decisionsOf({ role, plan }: Grants): DecisionCache {
  role.decisions[plan] ??= {
    inOrganization: new Map(),
    onOwnServices: new Map(),
    inProjects: new WeakMap(),
    allowed: new WeakMap(),
  };
  return role.decisions[plan];
}

function cacheIn(decisions: DecisionCache, grants: Grants, target: Target): Map<Permission, Decision> {
  if (typeof target === 'string') return cacheInProject(decisions, grants, target);
  return grants.role.hasCondition && isOwned(grants, target) ? decisions.onOwnServices : decisions.inOrganization;
}

const NAMES: readonly Permission[] = [...PERMISSIONS.values()].map((row) => row.name);
const NONE: readonly Permission[] = [];

/**
 * Every permission that is allowed in this scope, in the order of the catalog. The same list for all principals with
 * the same roles: a change of access compares it for every principal of the organization in each of its projects.
 */
export function allowedIn(effective: EffectiveGrants | null, target: Target): readonly Permission[] {
  if (!effective) return NONE;
  if (effective.access !== 'WRITE' || effective.narrowing)
    return NAMES.filter((name) => decide(effective, name, target).allowed);
  // What has expired changes the reasons of refusals only.
  const grants: Grants = effective.grants.expired ? { ...effective.grants, expired: null } : effective.grants;
  const decisions = decisionsOf(grants);
  const cache = cacheIn(decisions, grants, target);
  let allowed = decisions.allowed.get(cache);
  if (!allowed) {
    allowed = NAMES.filter((name) => decideCached(grants, name, target).allowed);
    decisions.allowed.set(cache, allowed);
  }
  return allowed;
}

/** Cache keys for having no role in a project, and for having no access to it. */
const [NO_ROLE, NO_ACCESS] = [{}, {}];

function cacheInProject({ inProjects }: DecisionCache, grants: Grants, projectId: string): Map<Permission, Decision> {
  const projectRole = projectRoleIn(grants, projectId);
  const key = projectRole ?? (projectRole === null ? NO_ACCESS : NO_ROLE);
  let cache = inProjects.get(key);
  if (!cache) {
    cache = new Map();
    inProjects.set(key, cache);
  }
  return cache;
}

function decideAndCache(
  cache: Map<Permission, Decision>,
  grants: Grants,
  permission: Permission,
  target: Target,
): Decision {
  const decision = decideGrants(grants, permission, target);
  // Clients can send unknown names. Caching those would let the cache grow without limit.
  if (PERMISSIONS.has(permission)) cache.set(permission, decision);
  return decision;
}

/** The project role that overrides the organization role. Null for "no access", undefined if there is none. */
const projectRoleIn = ({ role, projects }: Grants, projectId: string): Role | null | undefined =>
  role.neverOverridden ? undefined : projects.get(projectId);

/** The rules in their order. The first rule that refuses decides. */
function decideGrants(grants: Grants, permission: Permission, target: Target, record?: Recorder): Decision {
  const decision = decideByRoles(grants, permission, target, record);
  const projectId = projectOf(target);
  if (!decision.allowed || !isInProject(permission, projectId)) return decision;
  return checkProjectRead(grants, permission, projectId, record) ?? decision;
}

/** Whether the permission concerns something in a project, and so requires `project:read` there. */
const isInProject = (permission: Permission, projectId: string | null): boolean =>
  permission !== 'project:read' && (projectId !== null || PERMISSIONS.get(permission)?.level === 'project');

function checkProjectRead(
  grants: Grants,
  permission: Permission,
  projectId: string | null,
  record?: Recorder,
): Refusal | null {
  const visible = decideByRoles(grants, 'project:read', projectId);
  record?.({ kind: 'PROJECT_READ', passed: visible.allowed, refusal: visible.allowed ? null : visible });
  return visible.allowed
    ? null
    : refuse(
        permission,
        visible.reason,
        () => whyHidden(visible),
        () => visible.hint,
      );
}

const whyHidden = ({ message }: Refusal): string => `it requires project:read on the project: ${message.slice(0, -1)}`;

function decideByRoles(grants: Grants, permission: Permission, target: Target, record?: Recorder): Decision {
  const { role, expired } = grants;
  const projectId = projectOf(target);
  const wrongLevel = checkLevel(permission, projectId, record);
  if (wrongLevel) return wrongLevel;
  record?.({ kind: 'ORGANIZATION_ROLE', passed: true, role, expired });
  const projectRole = projectId === null ? undefined : projectRoleIn(grants, projectId);
  const owned = isOwned(grants, target);
  if (isConditional(role, permission))
    record?.({ kind: 'OWNERSHIP', passed: true, isOwned: owned, isService: isService(target) });
  return (
    // The denials of the organization role apply in every project, whatever the project role.
    checkDenial(role, permission, owned, record) ??
    (projectId === null ? null : checkProjectRole(role, projectRole, permission, record)) ??
    checkGrant(grants, projectRole, permission, owned, record) ??
    checkPlan(grants, projectRole, permission, record) ?? {
      allowed: true,
      permission,
      because: projectRole ? { role: projectRole, in: 'project' } : { role, in: 'organization' },
    }
  );
}

/** Whether the role allows or denies the permission only on services of the principal's teams. */
const isConditional = ({ allowIfOwned, denyIfOwned }: Role, permission: Permission): boolean =>
  allowIfOwned.has(permission) || denyIfOwned.has(permission);

function checkLevel(permission: Permission, projectId: string | null, record?: Recorder): Refusal | null {
  const level = PERMISSIONS.get(permission)?.level;
  const passed = projectId === null || level !== 'organization';
  record?.({ kind: 'LEVEL', passed, permission, level, scope: projectId === null ? 'organization' : 'project' });
  return passed
    ? null
    : refuse(permission, 'WRONG_LEVEL', 'it cannot be checked on a project', 'Check it on the organization.');
}

function checkDenial(role: Role, permission: Permission, owned: boolean, record?: Recorder): Refusal | null {
  const denials = !role.deny.has(permission) && owned ? role.denyIfOwned : role.deny;
  const passed = !denials.has(permission);
  const ifOwned = denials === role.denyIfOwned;
  record?.({ kind: 'DENIAL', passed, role, policy: denials.get(permission), ifOwned: ifOwned && !passed });
  return passed ? null : denied(permission, role, ifOwned);
}

function checkProjectRole(
  role: Role,
  projectRole: Role | null | undefined,
  permission: Permission,
  record?: Recorder,
): Refusal | null {
  record?.({ kind: 'PROJECT_ROLE', passed: true, role, projectRole });
  // A service belongs to no project, so conditions do not matter here.
  return projectRole ? checkDenial(projectRole, permission, false, record) : null;
}

function checkGrant(
  grants: Grants,
  projectRole: Role | null | undefined,
  permission: Permission,
  owned: boolean,
  record?: Recorder,
): Refusal | null {
  const role = projectRole === undefined ? grants.role : projectRole;
  const ifOwned = projectRole === undefined && grants.role.allowIfOwned.has(permission);
  const passed = (role?.allow.has(permission) ?? false) || (ifOwned && owned);
  record?.({ kind: 'GRANT', passed, role, permission, ifOwned });
  if (passed) return null;
  if (ifOwned) return notOwned(permission, grants.role);
  const { expired } = grants;
  if (projectRole !== undefined && grants.role.allow.has(permission)) return overridden(permission, projectRole);
  // Before it expired, a role that is never overridden applied instead of the project role.
  if (
    expired &&
    grantedBy(expired.role, permission, owned) &&
    (projectRole === undefined || expired.role.neverOverridden)
  )
    return roleExpired(permission, expired);
  return noGrant(permission, role ?? grants.role);
}

const grantedBy = ({ allow, allowIfOwned, denyIfOwned }: Role, permission: Permission, owned: boolean): boolean =>
  owned
    ? !denyIfOwned.has(permission) && (allow.has(permission) || allowIfOwned.has(permission))
    : allow.has(permission);

function checkPlan(
  grants: Grants,
  projectRole: Role | null | undefined,
  permission: Permission,
  record?: Recorder,
): Refusal | null {
  const limits = limitsOf(grants, projectRole, permission);
  const limit = limits.find(({ passed }) => !passed) ?? limits[0];
  const passed = limit?.passed ?? true;
  record?.({ kind: 'PLAN', passed, plan: grants.plan, suspended: limit?.suspended ?? null });
  return limit && !passed ? suspendedByPlan(permission, grants.plan, limit.suspended) : null;
}

interface PlanLimit {
  suspended: 'customRoles' | 'projectRoles';
  /** Whether the permission is left. */
  passed: boolean;
}

/**
 * What the plan suspends of the role that applies. Of a custom role it leaves what Read grants as well. A project role
 * still removes permissions but adds none. So nobody can do more after a downgrade.
 */
function limitsOf(grants: Grants, projectRole: Role | null | undefined, permission: Permission): PlanLimit[] {
  const { customRoles, projectRoles } = entitlementsOf(grants.plan);
  const limits: PlanLimit[] = [];
  if (!customRoles && (projectRole ?? grants.role).builtIn === null)
    limits.push({ suspended: 'customRoles', passed: isRead(permission, projectRole !== undefined) });
  if (!projectRoles && projectRole && !projectRole.neverSuspended)
    limits.push({ suspended: 'projectRoles', passed: isGrantedInOrganization(grants, permission, customRoles) });
  return limits;
}

const isRead = (permission: Permission, inProject: boolean): boolean =>
  (inProject ? READ_IN_PROJECT : READ_IN_ORGANIZATION).allow.has(permission);

const isGrantedInOrganization = ({ role }: Grants, permission: Permission, customRoles: boolean): boolean =>
  role.allow.has(permission) && (customRoles || role.builtIn !== null || isRead(permission, false));

function checkCredential(
  { access, isReduced = false, narrowing = null }: EffectiveGrants,
  permission: Permission,
  projectId: string | null,
  record?: Recorder,
): Refusal | null {
  const excluded = narrowing && exclusionOf(narrowing, permission, projectId);
  const passed = !excluded && (access === 'WRITE' || isReading(permission));
  record?.({ kind: 'CREDENTIAL', passed, access, isReduced, excluded });
  if (excluded) return tokenExcludes(permission, excluded);
  return passed ? null : readOnly(permission, isReduced);
}

/** What a narrowed token excludes, if it excludes the permission in this scope. */
function exclusionOf(narrowing: Narrowing, permission: Permission, projectId: string | null): Exclusion | null {
  if (narrowing.projects && (projectId === null || !narrowing.projects.has(projectId)))
    return projectId === null ? 'organization' : 'project';
  if (narrowing.permissions?.has(permission) === false) return 'permission';
  const isHidden = isInProject(permission, projectId) && narrowing.permissions?.has('project:read') === false;
  return isHidden ? 'project:read' : null;
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

/** Why a token or key is read-only, and what helps. */
export const READ_ONLY = { why: 'this API token is read-only', hint: 'Use a token with WRITE access, or sign in.' };
export const READ_ONLY_KEY = {
  why: 'this API key is read-only',
  hint: 'Use an API key with more permissions, or sign in.',
};
export const REDUCED = {
  why: 'this API token counts as read-only, because its member does not hold api_token:grant_write',
  hint: 'A WRITE token counts as READ while its member does not hold api_token:grant_write. Ask for a role that grants it, or sign in.',
};

const readOnlyRefusals = new Map<string, Refusal>();

function readOnly(permission: Permission, isReduced: boolean): Refusal {
  const key = `${permission} ${isReduced}`;
  let refusal = readOnlyRefusals.get(key);
  if (!refusal) {
    const { why, hint } = isReduced ? REDUCED : READ_ONLY;
    refusal = refuse(permission, 'READ_ONLY_TOKEN', why, hint);
    readOnlyRefusals.set(key, refusal);
  }
  return refusal;
}

/** What a narrowed token excludes, in texts for people. */
export const EXCLUSIONS: Record<Exclusion, string> = {
  organization: 'this API token is limited to projects, and so excludes the organization',
  project: 'this API token is limited to other projects',
  permission: 'this API token is limited to other permissions',
  'project:read': 'this API token excludes project:read, which everything in a project requires',
};

const tokenExcludes = (permission: Permission, excluded: Exclusion): Refusal =>
  refuse(
    permission,
    'TOKEN_NARROWED',
    EXCLUSIONS[excluded],
    'Use a token that is not limited, or create one that includes it.',
  );

const noGrant = (permission: Permission, role: Role): Refusal =>
  role.isOfKey
    ? refuse(permission, 'NO_GRANT', () => `${role.name} does not grant it`, KEY_HINT)
    : refuse(
        permission,
        'NO_GRANT',
        () => `the role ${role.name} does not grant it`,
        () => whoGrants(permission),
      );

const KEY_HINT = 'An API key has its own permissions in its project, and none elsewhere. Use another key, or sign in.';

/** What denies: a policy with this name, or a statement of the role itself. */
export const denierOf = (policy: string | null | undefined): string => (policy ? `policy ${policy}` : 'a statement');

const denied = (permission: Permission, role: Role, ifOwned: boolean): Refusal =>
  refuse(
    permission,
    'DENIED',
    () => {
      const policy = (ifOwned ? role.denyIfOwned : role.deny).get(permission);
      return `${denierOf(policy)} of role ${role.name} denies it${ifOwned ? ` for ${OF_OWN_TEAMS}` : ''}`;
    },
    'A denial overrides every grant. Change the policy or the role.',
  );

/** What the condition of a statement limits it to, in texts for people. */
export const OF_OWN_TEAMS = 'services of the principal’s teams';

const notOwned = (permission: Permission, role: Role): Refusal =>
  refuse(
    permission,
    'NOT_OWNED',
    () => `the role ${role.name} grants it only for ${OF_OWN_TEAMS}`,
    'Join the team that owns the service or one of its parent teams, or ask for a role without this condition.',
  );

const overridden = (permission: Permission, projectRole: Role | null): Refusal =>
  refuse(
    permission,
    'OVERRIDDEN_BY_PROJECT_ROLE',
    () =>
      projectRole ? `the project role ${projectRole.name} does not grant it` : 'there is no access to this project',
    'The organization role grants it, but a project role overrides that role here. Ask for another role in this project.',
  );

const roleExpired = (permission: Permission, expired: { role: Role; at: Date }): Refusal =>
  refuse(
    permission,
    'ROLE_EXPIRED',
    () => `the role ${expired.role.name}, which grants it, expired on ${expired.at.toISOString()}`,
    'Ask for the role to be assigned again.',
  );

const suspendedByPlan = (permission: Permission, plan: Plan, feature: 'customRoles' | 'projectRoles'): Refusal =>
  refuse(
    permission,
    'PLAN_LACKS',
    () => `the role that grants it is suspended by the plan ${plan}`,
    () => `The plan ${planWith(feature)} includes it.`,
  );

function whoGrants(permission: Permission): string {
  const names = ROLES.filter((role) => role.scope === 'organization' && role.allow.has(permission)).map(
    (role) => role.name,
  );
  return `Roles that grant it: ${names.join(', ')}. Ask somebody who manages members to assign one of them.`;
}
