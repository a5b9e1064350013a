import type { Feature, Plan } from '../lib/plans.ts';
import type { TokenAccess } from '../resources/api-token/table.ts';
import type { Level, Permission } from './catalog.ts';
import type { Refusal, Role } from './model.ts';

export const STEP_KINDS = {
  LEVEL: 'Whether the permission can be checked in this scope.',
  ORGANIZATION_ROLE: 'The current organization role.',
  OWNERSHIP:
    'Whether a team of the principal owns the service. Always passes. Omitted unless a statement of the role depends on it.',
  DENIAL: 'Whether a policy denies the permission.',
  PROJECT_ROLE: 'Whether a project role overrides the organization role.',
  GRANT: 'Whether the role that applies grants the permission.',
  PLAN: 'Whether the plan suspends the role that grants the permission.',
  PROJECT_READ:
    'Whether `project:read` is allowed in the project. Every other permission in the project requires it. Omitted for permissions that do not concern a project.',
  CREDENTIAL: 'Whether the credential allows the permission.',
} as const;

/**
 * Why a narrowed token does not have a permission: it is limited to projects, to other projects or to other permissions, or
 * it lacks `project:read`, which every permission in a project requires.
 */
export type Exclusion = 'organization' | 'project' | 'permission' | 'project:read';

/** The data of each kind of step. */
interface Facts {
  LEVEL: { permission: Permission; level: Level | undefined; scope: 'organization' | 'project' };
  ORGANIZATION_ROLE: { role: Role; expired: { role: Role; at: Date } | null };
  OWNERSHIP: { isOwned: boolean; isService: boolean };
  /**
   * `policy` is the name of the policy that denies. Null for a statement of the role itself. `ifOwned` says whether it denies
   * only for services of the principal's teams.
   */
  DENIAL: { role: Role; policy: string | null | undefined; ifOwned: boolean };
  /** `projectRole` is null for "no access", and undefined if the organization role applies. */
  PROJECT_ROLE: { role: Role; projectRole: Role | null | undefined };
  /**
   * `role` is the role that applies. Null for "no access". `ifOwned` says whether it grants the permission only for services
   * of the principal's teams.
   */
  GRANT: { role: Role | null; permission: Permission; ifOwned: boolean };
  /** `suspended` is the feature that the plan lacks. A step with one passes if Read or the organization role grants as well. */
  PLAN: { plan: Plan; suspended: Feature | null };
  /** `refusal` is the refusal of `project:read`. */
  PROJECT_READ: { refusal: Refusal | null };
  /** `excluded` is what a narrowed token excludes, if it excludes the permission. */
  CREDENTIAL: { access: TokenAccess; isReduced: boolean; excluded: Exclusion | null };
}

/** One rule of a decision and its outcome. The first step that does not pass ends the decision. */
export type Step = { [Kind in keyof Facts]: { kind: Kind; passed: boolean } & Facts[Kind] }[keyof Facts];

/** Receives the steps of a decision in order. */
export type Recorder = (step: Step) => void;
