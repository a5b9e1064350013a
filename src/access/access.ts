import type { RefusalReason } from '../lib/errors.ts';
import { AmbitError } from '../lib/errors.ts';
import { toPublicId } from '../lib/ids.ts';
import {
  ALLOWANCES,
  type Allowance,
  entitlementsOf,
  FEATURES,
  type Feature,
  type Plan,
  planFor,
  planWith,
} from '../lib/plans.ts';
import { capitalized } from '../lib/words.ts';
import type { Permission } from './catalog.ts';
import { allowedIn, decide, READ_ONLY, READ_ONLY_KEY, REDUCED, UNBOUND_HINT } from './decide.ts';
import type { CredentialLimit, Decision, EffectiveGrants, Grants, Refusal, Target } from './model.ts';
import { OWN_SERVICE, projectOf } from './ownership.ts';

export type { Target } from './model.ts';

/** Access decisions for one actor. */
export interface Access {
  readonly effective: EffectiveGrants | null;
  decide(permission: Permission, target?: Target): Decision;
  /** Whether the actor has the permission in this scope. In a project, this includes that the actor can read the project. */
  can(permission: Permission, target?: Target): boolean;
  /** Throws FORBIDDEN with the reason. */
  require(permission: Permission, target?: Target): void;
  /** Throws FORBIDDEN if the actor is bound to no organization. */
  requireOrganization(): void;
  /** Throws PLAN_REQUIRED unless the plan includes the feature. */
  requireFeature(feature: Feature): void;
  /** Throws PLAN_REQUIRED if the number with the added ones exceeds the limit of the plan. */
  requireRoom(allowance: Allowance, room: Room): void;
  permissions(target?: Target): Permission[];
}

export interface Room {
  /** The current number in the organization, or in the project for `apiKeysPerProject`. */
  usage: number;
  /** How many are added. */
  added: number;
}

export function accessOf(effective: EffectiveGrants | null): Access {
  return {
    effective,
    decide: (permission, target) => decide(effective, permission, target),
    can: (permission, target) => decide(effective, permission, target).allowed,
    require(permission, target) {
      const decision = decide(effective, permission, target);
      if (!decision.allowed) throw forbidden(decision, target);
    },
    requireOrganization() {
      if (!effective) throw refusal('NO_ORGANIZATION', 'Your credential is bound to no organization.', UNBOUND_HINT);
    },
    requireFeature(feature) {
      const plan = effective?.grants.plan;
      if (!plan || !entitlementsOf(plan)[feature]) throw featureRequired(plan ?? 'FREE', feature);
    },
    requireRoom(allowance, room) {
      const plan = effective?.grants.plan;
      if (!plan || room.usage + room.added <= limitOf(plan, allowance)) return;
      throw allowanceRequired(plan, allowance, room, decide(effective, 'usage:read').allowed);
    },
    permissions: (target) => permissionsOf(effective, target),
  };
}

/** Every permission that is allowed in this scope, in the order of the catalog. */
export const permissionsOf = (effective: EffectiveGrants | null, target: Target = null): Permission[] => [
  ...allowedIn(effective, target),
];

/** The grants of a principal without the limit of a credential. */
export const unrestricted = (grants: Grants): EffectiveGrants => ({ grants, access: 'WRITE' });

/** The stored limit of a credential. */
export interface GivenLimit extends Pick<CredentialLimit, 'access' | 'narrowing'> {
  isTokenOfMember: boolean;
}

/**
 * The grants of a principal with the limit of its credential. A WRITE token of a member counts as READ while the member
 * lacks the permission that such a token needs. Tokens of service accounts are given by somebody who has it.
 */
export function limitedBy({ access, isTokenOfMember, narrowing }: GivenLimit, grants: Grants): EffectiveGrants {
  const limit = narrowing ? { grants, narrowing } : { grants };
  const needsGrant = access === 'WRITE' && isTokenOfMember;
  return !needsGrant || decide(unrestricted(grants), 'api_token:grant_write').allowed
    ? { ...limit, access }
    : { ...limit, access: 'READ', isReduced: true };
}

/** Whether the permission is allowed on some services: on those of the caller's teams, or on all others. */
export const canOnSome = (access: Pick<Access, 'can'>, permission: Permission): boolean =>
  access.can(permission) || access.can(permission, OWN_SERVICE);

/** Throws FORBIDDEN unless the permission is allowed on some services, with what refuses it on those of the caller's teams. */
export function requireOnSome(access: Access, permission: Permission): void {
  if (canOnSome(access, permission)) return;
  const decision = access.decide(permission);
  access.require(permission, !decision.allowed && decision.reason === 'NOT_OWNED' ? OWN_SERVICE : null);
}

/** Whether the permission is allowed on every service, whoever owns it. */
export const canOnEvery = (access: Pick<Access, 'can'>, permission: Permission): boolean =>
  access.can(permission) && access.can(permission, OWN_SERVICE);

/** The projects that a role or the credential names. In all other projects, the decisions are the same. */
export const namedProjects = (effective: EffectiveGrants | null): ReadonlySet<string> =>
  new Set([...(effective?.grants.projects.keys() ?? []), ...(effective?.narrowing?.projects ?? [])]);

export const forbidden = (decision: Refusal, target: Target = null): AmbitError =>
  refusal(decision.reason, decision.message, decision.hint, decision.permission, target);

/** `target` in the error is the project on which the permission was checked. Null for the organization and for a service. */
export const refusal = (
  reason: RefusalReason,
  message: string,
  hint: string,
  permission?: Permission,
  target: Target = null,
): AmbitError =>
  new AmbitError('FORBIDDEN', message, {
    permission: permission ?? null,
    target: targetIdOf(projectOf(target)),
    reason,
    hint,
  });

const targetIdOf = (projectId: string | null): string | null => projectId && toPublicId('prj', projectId);

function featureRequired(current: Plan, feature: Feature): AmbitError {
  const plan = planWith(feature);
  const message = `The plan ${current} does not include ${FEATURES[feature]}. The plan ${plan} includes them.`;
  return new AmbitError('PLAN_REQUIRED', message, { entitlement: feature, limit: null, usage: null, plan });
}

const limitOf = (plan: Plan, allowance: Allowance): number =>
  entitlementsOf(plan)[allowance] ?? Number.POSITIVE_INFINITY;

/** The usage is shown only to callers who may read it. */
function allowanceRequired(
  current: Plan,
  allowance: Allowance,
  { usage, added }: Room,
  showsUsage: boolean,
): AmbitError {
  const plan = planFor(allowance, usage + added);
  const [limit, next] = [entitlementsOf(current)[allowance], entitlementsOf(plan)[allowance]];
  const includes = next === null ? 'has no limit' : `includes ${next}`;
  const { counts, of } = ALLOWANCES[allowance];
  const message = `The plan ${current} includes ${limit} ${counts}${showsUsage ? `, and ${of} has ${usage}` : ''}. The plan ${plan} ${includes}.`;
  return new AmbitError('PLAN_REQUIRED', message, {
    entitlement: allowance,
    limit,
    usage: showsUsage ? usage : null,
    plan,
  });
}

/** The refusal of every change by a token or key that is read-only or counts as read-only. */
export const readOnlyToken = ({ effective }: Access): AmbitError => {
  const ofToken = effective?.isReduced ? REDUCED : READ_ONLY;
  const { why, hint } = effective?.grants.role.isOfKey ? READ_ONLY_KEY : ofToken;
  return refusal('READ_ONLY_TOKEN', `${capitalized(why)}.`, hint);
};
