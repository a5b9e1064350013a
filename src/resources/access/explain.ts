import type { Target } from '../../access/access.ts';
import { isReading, PERMISSIONS, type Permission } from '../../access/catalog.ts';
import { decide } from '../../access/decide.ts';
import type { Decision, EffectiveGrants, Role } from '../../access/model.ts';
import { entitlementsOf } from '../../lib/plans.ts';

export const STEP_KINDS = {
  LEVEL: 'Whether the permission can be asked there.',
  ORGANIZATION_ROLE: 'The role in force in the organization.',
  DENIAL: 'Whether a policy denies it.',
  PROJECT_ROLE: 'Whether a project role stands in the place of the organization role.',
  GRANT: 'Whether the role that counts grants it.',
  PLAN: 'Whether the plan has what grants it.',
  CREDENTIAL: 'Whether the credential lets it through.',
} as const;

export interface Step {
  kind: keyof typeof STEP_KINDS;
  /** Whether it speaks for the permission. */
  passed: boolean;
  text: string;
}

export interface Explanation {
  decision: Decision;
  steps: Step[];
}

/** The reasoning of `decide`, step by step, up to the first that refuses. */
export function explain(held: EffectiveGrants, permission: Permission, target: Target): Explanation {
  const decision = decide(held, permission, target);
  const steps: Step[] = [];
  for (const step of reasoning(held, permission, target)) {
    steps.push(step);
    if (!step.passed) break;
  }
  return { decision, steps };
}

function* reasoning({ grants, access }: EffectiveGrants, permission: Permission, target: Target): Generator<Step> {
  const { role, expired, plan } = grants;
  const level = PERMISSIONS.get(permission)?.level;
  yield step(
    'LEVEL',
    target === null || level !== 'organization',
    `${permission} is asked on the ${target ? 'project' : 'organization'}; its level is ${level}.`,
  );
  const over = expired ? ` ${expired.role.name} ended on ${expired.at.toISOString()}.` : '';
  yield step('ORGANIZATION_ROLE', true, `The organization role is ${nameOf(role)}.${over}`);
  yield denial(role, permission);
  const own = target === null || role.neverOverridden ? undefined : grants.projects.get(target);
  if (target !== null) yield step('PROJECT_ROLE', true, placeText(role, own));
  if (own) yield denial(own, permission);
  const counting = own === undefined ? role : own;
  const has = counting?.allow.has(permission) ?? false;
  yield step(
    'GRANT',
    has,
    counting ? `${nameOf(counting)} ${has ? 'grants' : 'does not grant'} it.` : 'No access grants nothing.',
  );
  yield step(
    'PLAN',
    decide({ grants, access: 'WRITE' }, permission, target).allowed,
    planText(plan, counting, own !== undefined),
  );
  yield step(
    'CREDENTIAL',
    access === 'WRITE' || isReading(permission),
    access === 'WRITE' ? 'The credential lets everything through.' : 'The credential is read-only.',
  );
}

const step = (kind: Step['kind'], passed: boolean, text: string): Step => ({ kind, passed, text });

const nameOf = (role: Role): string => `${role.name} (${role.builtIn === null ? 'custom' : 'built-in'})`;

function denial(role: Role, permission: Permission): Step {
  const policy = role.deny.get(permission);
  return step(
    'DENIAL',
    policy === undefined,
    policy === undefined ? `No policy of ${role.name} denies it.` : `Policy ${policy} of ${role.name} denies it.`,
  );
}

function placeText(role: Role, own: Role | null | undefined): string {
  if (role.neverOverridden) return `${role.name} is never narrowed by a project role.`;
  if (own === undefined) return 'There is no project role, so the organization role counts.';
  return own === null
    ? 'The project role is "no access".'
    : `In this project ${nameOf(own)} stands in the place of the organization role.`;
}

function planText(plan: EffectiveGrants['grants']['plan'], role: Role | null, inProject: boolean): string {
  const { customRoles, projectRoles } = entitlementsOf(plan);
  const lacking = [
    ...(role?.builtIn === null && !customRoles ? ['custom roles'] : []),
    ...(inProject && !projectRoles ? ['project roles'] : []),
  ];
  return lacking.length > 0 ? `The plan ${plan} freezes ${lacking.join(' and ')}.` : `The plan ${plan} has all of it.`;
}
