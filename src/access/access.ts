import type { RefusalReason } from '../lib/errors.ts';
import { AmbitError } from '../lib/errors.ts';
import { toPublicId } from '../lib/ids.ts';
import { type Allowance, entitlementsOf, FEATURES, type Feature, type Plan, planFor, planWith } from '../lib/plans.ts';
import { PERMISSIONS, type Permission } from './catalog.ts';
import { decide, UNBOUND_HINT } from './decide.ts';
import type { Decision, EffectiveGrants, Grants, Refusal } from './model.ts';

/** The scope of a question: a project, or null for the organization. */
export type Target = string | null;

/** Access decisions for one actor. */
export interface Access {
  readonly effective: EffectiveGrants | null;
  decide(permission: Permission, target?: Target): Decision;
  can(permission: Permission, target?: Target): boolean;
  /** Whether the actor has the permission in this scope and, if that is a project, can read the project. */
  sees(permission: Permission, target: Target): boolean;
  /** Throws FORBIDDEN with the reason. */
  require(permission: Permission, target?: Target): void;
  /** Throws FORBIDDEN if the actor is bound to no organization. */
  requireOrganization(): void;
  /** Throws PLAN_REQUIRED unless the plan includes the feature. */
  requireFeature(feature: Feature): void;
  /** Throws PLAN_REQUIRED if the plan does not include so many more. */
  requireRoom(allowance: Allowance, room: Room): void;
  permissions(target?: Target): Permission[];
}

export interface Room {
  /** The current number in the organization. */
  usage: number;
  /** How many are added. */
  added: number;
}

export function accessOf(effective: EffectiveGrants | null): Access {
  return {
    effective,
    decide: (permission, target) => decide(effective, permission, target),
    can: (permission, target) => decide(effective, permission, target).allowed,
    sees: (permission, target) =>
      decide(effective, permission, target).allowed &&
      (target === null || decide(effective, 'project:read', target).allowed),
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
      if (plan && room.usage + room.added > limitOf(plan, allowance)) throw allowanceRequired(plan, allowance, room);
    },
    permissions: (target) => permissionsOf(effective, target),
  };
}

/** Every permission that is allowed in this scope, in the order of the catalog. */
export const permissionsOf = (effective: EffectiveGrants | null, target: Target = null): Permission[] =>
  effective ? NAMES.filter((name) => decide(effective, name, target).allowed) : [];

const NAMES: readonly Permission[] = [...PERMISSIONS.values()].map((row) => row.name);

/** The grants of a principal without the limit of a credential. */
export const unrestricted = (grants: Grants): EffectiveGrants => ({ grants, access: 'WRITE' });

export const forbidden = (decision: Refusal, target: Target = null): AmbitError =>
  refusal(decision.reason, decision.message, decision.hint, decision.permission, target);

/** `target` in the error is the project on which the permission was checked. Null for the organization. */
export const refusal = (
  reason: RefusalReason,
  message: string,
  hint: string,
  permission?: Permission,
  target: Target = null,
): AmbitError =>
  new AmbitError('FORBIDDEN', message, {
    permission: permission ?? null,
    target: target && toPublicId('prj', target),
    reason,
    hint,
  });

function featureRequired(current: Plan, feature: Feature): AmbitError {
  const plan = planWith(feature);
  const message = `The plan ${current} does not include ${FEATURES[feature]}. The plan ${plan} includes them.`;
  return new AmbitError('PLAN_REQUIRED', message, { entitlement: feature, limit: null, usage: null, plan });
}

const limitOf = (plan: Plan, allowance: Allowance): number =>
  entitlementsOf(plan)[allowance] ?? Number.POSITIVE_INFINITY;

function allowanceRequired(current: Plan, allowance: Allowance, { usage, added }: Room): AmbitError {
  const plan = planFor(allowance, usage + added);
  const [limit, next] = [entitlementsOf(current)[allowance], entitlementsOf(plan)[allowance]];
  const includes = next === null ? 'has no limit' : `includes ${next}`;
  const message = `The plan ${current} includes ${limit} ${allowance}, and the organization has ${usage}. The plan ${plan} ${includes}.`;
  return new AmbitError('PLAN_REQUIRED', message, { entitlement: allowance, limit, usage, plan });
}
