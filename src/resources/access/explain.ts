import { denierOf, EXCLUSIONS, OF_OWN_TEAMS } from '../../access/decide.ts';
import type { Role } from '../../access/model.ts';
import type { Step } from '../../access/steps.ts';
import { FEATURES } from '../../lib/plans.ts';
import { capitalized } from '../../lib/words.ts';

/** A step of a decision as a sentence. It only formats the outcome, which `decide` has computed. */
export function textOf(step: Step): string {
  switch (step.kind) {
    case 'LEVEL':
      return `${step.permission} is checked on the ${step.scope}; its level is ${step.level}.`;
    case 'ORGANIZATION_ROLE': {
      const { role, expired } = step;
      if (role.isOfKey) return 'An API key has no organization role.';
      const past = expired ? ` ${expired.role.name} expired on ${expired.at.toISOString()}.` : '';
      return `The organization role is ${nameOf(role)}.${past}`;
    }
    case 'OWNERSHIP':
      return ownershipText(step);
    case 'DENIAL':
      return step.passed
        ? `No policy or statement of ${step.role.name} denies it.`
        : `${capitalized(denierOf(step.policy))} of ${step.role.name} denies it${step.ifOwned ? ` for ${OF_OWN_TEAMS}` : ''}.`;
    case 'PROJECT_ROLE':
      return projectRoleText(step);
    case 'GRANT':
      return grantText(step);
    case 'PLAN':
      return planText(step);
    case 'PROJECT_READ':
      return step.refusal ? step.refusal.message : 'It also requires project:read in the project, which is allowed.';
    case 'CREDENTIAL':
      return credentialText(step);
  }
}

const nameOf = (role: Role): string =>
  role.isOfKey ? role.name : `${role.name} (${role.builtIn === null ? 'custom' : 'built-in'})`;

type StepOf<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

function ownershipText({ isOwned, isService }: StepOf<'OWNERSHIP'>): string {
  if (isOwned) return 'A team of the principal, or a child team of one, owns the service.';
  return isService
    ? 'No team of the principal owns the service, so statements with ownedByPrincipal have no effect.'
    : 'The question names no service, so statements with ownedByPrincipal have no effect.';
}

function projectRoleText({ role, projectRole }: StepOf<'PROJECT_ROLE'>): string {
  if (role.isOfKey)
    return projectRole ? 'The project is that of the API key.' : 'The project is not that of the API key.';
  if (role.neverOverridden) return `No project role overrides ${role.name}.`;
  if (projectRole === undefined) return 'There is no project role, so the organization role applies.';
  return projectRole === null
    ? 'The project role is "no access".'
    : `In this project ${nameOf(projectRole)} overrides the organization role.`;
}

function credentialText({ access, isReduced, excluded }: StepOf<'CREDENTIAL'>): string {
  if (excluded) return `${capitalized(EXCLUSIONS[excluded])}.`;
  if (access === 'WRITE') return 'The credential allows reading and writing.';
  return isReduced
    ? 'The WRITE token counts as READ, because its member does not hold api_token:grant_write.'
    : 'The credential is read-only.';
}

function grantText({ role, permission, passed, ifOwned }: StepOf<'GRANT'>): string {
  if (!role) return 'The project role "no access" grants nothing.';
  if (permission === 'project:read' && role.impliesProjectRead)
    return `${nameOf(role)} implies it, because the role grants ${role.impliesProjectRead}.`;
  if (ifOwned) return `${nameOf(role)} grants it only for ${OF_OWN_TEAMS}.`;
  return `${nameOf(role)} ${passed ? 'grants' : 'does not grant'} it.`;
}

function planText({ plan, suspended, passed }: StepOf<'PLAN'>): string {
  if (!suspended) return `The plan ${plan} suspends none of these roles.`;
  const other = suspended === 'customRoles' ? 'the role Read' : 'the organization role';
  const still = passed ? `, but ${other} grants it as well` : '';
  return `The plan ${plan} suspends ${FEATURES[suspended]}${still}.`;
}
