import { AmbitError } from '../lib/errors.ts';
import { toPublicId } from '../lib/ids.ts';
import { type Entitlements, entitlementsOf, type Feature, planFor, planWith } from '../lib/plans.ts';
import { PERMISSIONS, type Permission } from './catalog.ts';
import { decide, UNBOUND_HINT } from './decide.ts';
import type { Decision, EffectiveGrants, Grants, Refusal } from './model.ts';
import type { RefusalReason } from './reasons.ts';

/** Where something is asked: a project, or null for the organization. */
export type Target = string | null;

/** What services and resolvers ask about the caller. Fixed for the actor it was made for. */
export interface Access {
  readonly effective: EffectiveGrants | null;
  decide(permission: Permission, target?: Target): Decision;
  can(permission: Permission, target?: Target): boolean;
  /** Whether what belongs to a project, or to none, can be seen: what is inside an unreadable project cannot. */
  sees(permission: Permission, target: Target): boolean;
  /** Throws FORBIDDEN with the reason. */
  require(permission: Permission, target?: Target): void;
  /** Throws FORBIDDEN for who is bound to no organization. */
  requireOrganization(): void;
  /** Throws PLAN_REQUIRED unless the plan has the feature. */
  requireFeature(feature: Feature): void;
  /** Throws PLAN_REQUIRED unless the plan has room for so many. */
  requireRoom(limit: 'seats' | 'projects', count: number): void;
  permissions(target?: Target): Permission[];
}

export function accessOf(held: EffectiveGrants | null): Access {
  const entitlements: Entitlements | null = held && entitlementsOf(held.grants.plan);
  return {
    effective: held,
    decide: (permission, target) => decide(held, permission, target),
    can: (permission, target) => decide(held, permission, target).allowed,
    sees: (permission, target) =>
      decide(held, permission, target).allowed && (target === null || decide(held, 'project:read', target).allowed),
    require(permission, target) {
      const decision = decide(held, permission, target);
      if (!decision.allowed) throw forbidden(decision, target);
    },
    requireOrganization() {
      if (!held) throw refusal('NO_ORGANIZATION', 'You are bound to no organization.', UNBOUND_HINT);
    },
    requireFeature(feature) {
      if (!entitlements?.[feature]) throw planRequired(planWith(feature));
    },
    requireRoom(limit, count) {
      if (entitlements && count > (entitlements[limit] ?? Number.POSITIVE_INFINITY))
        throw planRequired(planFor(limit, count));
    },
    permissions: (target) => permissionsOf(held, target),
  };
}

/** Every permission that is allowed there. */
export const permissionsOf = (held: EffectiveGrants | null, target: Target = null): Permission[] =>
  [...PERMISSIONS.values()].map((row) => row.name).filter((name) => decide(held, name, target).allowed);

/** What a principal holds, with nothing in between that lets through less. */
export const unrestricted = (grants: Grants): EffectiveGrants => ({ grants, access: 'WRITE' });

export const forbidden = (decision: Refusal, target: Target = null): AmbitError =>
  refusal(decision.reason, decision.message, decision.hint, decision.permission, target);

/** `target` in the error is the project where it was asked; null says the organization. */
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

const planRequired = (plan: string): AmbitError =>
  new AmbitError('PLAN_REQUIRED', `The plan of the organization lacks this; ${plan} has it.`, { plan });
