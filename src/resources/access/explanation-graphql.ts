import type { Trace } from '../../access/decide.ts';
import type { Decision, RoleSummary } from '../../access/model.ts';
import { STEP_KINDS, type Step } from '../../access/steps.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { REFUSAL_REASONS } from '../../lib/errors.ts';
import { Policy } from '../policy/graphql.ts';
import type { PolicyRow } from '../policy/service.ts';
import type { Statement } from '../policy/table.ts';
import { RoleType } from '../role/ref.ts';
import { findPoliciesOf } from '../role/service.ts';
import { textOf } from './explain.ts';

const described = <Key extends string>(table: Record<Key, string>) =>
  Object.fromEntries(Object.entries(table).map(([key, description]) => [key, { description }])) as Record<
    Key,
    { description: string }
  >;

export const RefusalReasonEnum = builder.enumType('RefusalReason', {
  description: 'The reason of a refusal, as in `extensions.reason` of a FORBIDDEN error.',
  values: described(REFUSAL_REASONS),
});

const StepKind = builder.enumType('AccessStepKind', {
  description: 'What a step of an access decision checks.',
  values: described(STEP_KINDS),
});

function roleOf(step: Step): RoleSummary | null {
  const role = step.kind === 'PROJECT_ROLE' ? step.projectRole : 'role' in step ? step.role : null;
  return role && !role.isOfKey ? role : null;
}

/** A step has the name of the policy only, because a compiled role has no more. */
async function findPolicyOf(ctx: Context, step: Step): Promise<PolicyRow | null> {
  if (step.kind !== 'DENIAL' || step.passed) return null;
  const named = (await findPoliciesOf(ctx, step.role)).filter(({ name }) => name === step.policy);
  return named.find(({ statements }) => statements.some((one) => deniesAs(step, one))) ?? null;
}

const deniesAs = ({ ifOwned }: { ifOwned: boolean }, statement: Statement): boolean =>
  statement.effect === 'DENY' && (statement.ifOwned !== undefined) === ifOwned;

const AccessStep = builder.objectRef<Step>('AccessStep').implement({
  description: 'A step of an access decision.',
  public: true,
  fields: (t) => ({
    kind: t.field({ type: StepKind, description: 'What the step checks.', resolve: (step) => step.kind }),
    passed: t.exposeBoolean('passed', {
      description:
        'Whether the step passed. The first step that does not pass refuses the permission and is the last step.',
    }),
    text: t.string({ description: 'The result of the step as a sentence, for people.', resolve: textOf }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description:
        'The role that the step is about. Null if it is about no role or the role is not visible to the caller.',
      resolve: roleOf,
    }),
    policy: t.field({
      type: Policy,
      nullable: true,
      description:
        'The policy that denies the permission. Null if no policy denies it or the policy is not visible to the caller.',
      resolve: (step, _args, ctx) => findPolicyOf(ctx, step),
    }),
  }),
});

export const refusalOf = (decision: Decision) => (decision.allowed ? null : decision);

export const AccessExplanation = builder.objectRef<Trace>('AccessExplanation').implement({
  description: 'An access decision and its steps.',
  public: true,
  fields: (t) => ({
    allowed: t.boolean({
      description: 'Whether the principal has the permission.',
      resolve: ({ decision }) => decision.allowed,
    }),
    reason: t.field({
      type: RefusalReasonEnum,
      nullable: true,
      description: 'The reason of the refusal. Null if it is allowed.',
      resolve: ({ decision }) => refusalOf(decision)?.reason ?? null,
    }),
    message: t.string({
      nullable: true,
      description: 'The reason of the refusal as a sentence, for people. Null if it is allowed.',
      resolve: ({ decision }) => refusalOf(decision)?.message ?? null,
    }),
    hint: t.string({
      nullable: true,
      description: 'What would grant the permission. Null if it is allowed.',
      resolve: ({ decision }) => refusalOf(decision)?.hint ?? null,
    }),
    steps: t.field({
      type: [AccessStep],
      description: 'The steps of the decision, in the order in which they were checked.',
      resolve: ({ steps }) => steps,
    }),
  }),
});
