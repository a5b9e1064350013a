import type { Plan } from '../lib/plans.ts';
import type { TokenAccess } from '../resources/api-token/table.ts';
import type { BuiltInRole, Permission, ProjectRole } from './catalog.ts';
import type { RefusalReason } from './reasons.ts';

/** A role as the engine reads it, compiled once per change of access. */
export interface Role {
  id: string;
  name: string;
  description: string | null;
  /** Null for a custom role. */
  builtIn: BuiltInRole | ProjectRole | null;
  /** What it can be given for: a whole organization or a project. */
  scope: 'organization' | 'project' | 'either';
  /** The one project that a custom role belongs to. */
  projectId: string | null;
  allow: ReadonlySet<Permission>;
  /** Denied permissions, with the name of the policy that denies. */
  deny: ReadonlyMap<Permission, string>;
  /** Owner and Admin are never narrowed by a project role. */
  neverOverridden: boolean;
  /** What was decided by it already (`decide.ts`). */
  readonly decided: Decided;
}

export interface Decided {
  inOrganization: Map<Permission, Decision>;
  /** By the project role in force, weakly: a built-in role outlives the custom ones beside it. */
  inProjects: WeakMap<object, Map<Permission, Decision>>;
}

/** What a principal holds in one organization, as of one version of its access and until `validUntil`. */
export interface Grants {
  plan: Plan;
  /** The organization role in force. */
  role: Role;
  /** A role that has ended, and when. */
  expired: { role: Role; at: Date } | null;
  /** Project roles by project; null says "no access". */
  projects: ReadonlyMap<string, Role | null>;
  /** When the next assignment ends, in milliseconds since 1970. */
  validUntil: number;
}

/** Grants as a credential lets them through. */
export interface EffectiveGrants {
  grants: Grants;
  access: TokenAccess;
}

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
