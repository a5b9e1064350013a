import type { RefusalReason } from '../lib/errors.ts';
import type { Plan } from '../lib/plans.ts';
import type { ApiKeyPreset, TokenAccess } from '../resources/api-token/table.ts';
import type { BuiltInRole, Permission, ProjectRole } from './catalog.ts';

/** A role without its permissions. Enough to show it in a list. */
export interface RoleSummary {
  id: string;
  name: string;
  description: string | null;
  /** Null for a custom role, and for the patterns of an API key. */
  builtIn: BuiltInRole | ProjectRole | ApiKeyPreset | null;
  /** Where it can be assigned. */
  scope: 'organization' | 'project' | 'both';
  /** The project that a custom role belongs to. Null if it belongs to the organization. */
  projectId: string | null;
}

/** A role with its statements and policies resolved to permissions. Those of a custom role are computed at the first use. */
export interface Role extends RoleSummary {
  readonly allow: ReadonlySet<Permission>;
  /** The permission because of which the role also allows `project:read`. Null if the role does not imply it. */
  readonly impliesProjectRead: Permission | null;
  /** Denied permissions, with the name of the policy that denies. Null for a statement of the role itself. */
  readonly deny: ReadonlyMap<Permission, string | null>;
  /** What statements with the condition `ownedByPrincipal` allow, in addition to `allow`. */
  readonly allowIfOwned: ReadonlySet<Permission>;
  /** What they deny, in the form of `deny` and in addition to it. */
  readonly denyIfOwned: ReadonlyMap<Permission, string | null>;
  /** Whether a statement has the condition. Known without computing the permissions. */
  readonly hasCondition: boolean;
  /** Whether no project role overrides it: true for Owner and Admin. */
  neverOverridden: boolean;
  /** Whether no plan suspends it, although it is a project role: true for the creator of a project, and for API keys. */
  neverSuspended?: true;
  /** Whether it is the role of an API key. Such a role cannot be assigned. */
  isOfKey?: true;
  /** Cached decisions by plan. Filled by `decide`. */
  readonly decisions: { [P in Plan]?: DecisionCache };
}

export interface DecisionCache {
  inOrganization: Map<Permission, Decision>;
  /** On services of the principal's teams. On other services, the decisions are those in the organization. */
  onOwnServices: Map<Permission, Decision>;
  /** By project role. Weak, because a built-in organization role outlives custom project roles. */
  inProjects: WeakMap<object, Map<Permission, Decision>>;
  /** Every allowed permission, by the map of decisions that it is computed from. */
  allowed: WeakMap<Map<Permission, Decision>, readonly Permission[]>;
}

/** The roles of a principal in one organization. Valid for one version of its access and until `validUntil`. */
export interface Grants {
  plan: Plan;
  /** The current organization role: the assigned one, or the fallback after that has expired. */
  role: Role;
  /** The assigned role if it has expired, and when. */
  expired: { role: Role; at: Date } | null;
  /** Project roles by project. Null stands for "no access". */
  projects: ReadonlyMap<string, Role | null>;
  /** The principal's teams, with all their child teams. Empty if no role has a statement that depends on them. */
  teams: ReadonlySet<string>;
  /** When the current role expires, in milliseconds since 1970. Infinity if it does not. */
  validUntil: number;
}

/** A narrowed API token has only some permissions of its principal, or has them only in some projects. */
export interface Narrowing {
  /** Null if the token is not limited to some permissions. */
  permissions: ReadonlySet<Permission> | null;
  /** Null if the token is not limited to some projects. Otherwise it has no permissions in the organization. */
  projects: ReadonlySet<string> | null;
}

/** How a credential limits the grants of its principal. */
export interface CredentialLimit {
  access: TokenAccess;
  /** Whether the credential was given WRITE, but counts as READ. */
  isReduced?: boolean;
  /** Null if the credential is not narrowed. */
  narrowing?: Narrowing | null;
}

/** Grants with the limit of the credential. */
export interface EffectiveGrants extends CredentialLimit {
  grants: Grants;
}

/** A service as the scope of a question. Of the service, only its owner counts. */
export interface ServiceScope {
  /** The team that owns the service, or `OWN_TEAM`. Null if no team owns it. */
  readonly ownerId: string | null;
}

/** The scope of a question: a project, a service, or null for the organization. */
export type Target = string | ServiceScope | null;

export type Decision =
  | { allowed: true; permission: Permission; because: { role: Role; in: 'organization' | 'project' } }
  | Refusal;

export interface Refusal {
  readonly allowed: false;
  readonly permission: Permission;
  readonly reason: RefusalReason;
  /** Getters compose the texts, because most refusals are never shown. */
  readonly message: string;
  readonly hint: string;
}
