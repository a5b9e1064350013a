import { builder } from '../../graphql/builder.ts';
import { mutation, withChanges } from '../../graphql/mutation.ts';
import { type Entitlements, PLAN_NAMES, PLANS, type Plan } from '../../lib/plans.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../principal/access-change-graphql.ts';
import { type Usage, updatePlan, usageOf } from './service.ts';

const PlanName = builder.enumType('PlanName', {
  description: 'What an organization pays for.',
  values: Object.fromEntries(PLAN_NAMES.map((name) => [name, { description: `The plan ${name}.` }])) as Record<
    Plan,
    { description: string }
  >,
});

const PlanType = builder.objectRef<Entitlements & { name: Plan; current: boolean }>('Plan').implement({
  description: 'A plan and what it entitles to.',
  public: true,
  fields: (t) => ({
    name: t.field({ type: PlanName, description: 'Its name.', resolve: (plan) => plan.name }),
    current: t.exposeBoolean('current', { description: 'Whether it is the plan of the organization.' }),
    customRoles: t.exposeBoolean('customRoles', { description: 'Whether it has custom roles and policies.' }),
    projectRoles: t.exposeBoolean('projectRoles', { description: 'Whether it has project roles.' }),
    enforcedSso: t.exposeBoolean('enforcedSso', { description: 'Whether it has enforced single sign-on.' }),
    seats: t.exposeInt('seats', {
      nullable: true,
      description: 'How many members there can be, invited ones included; null without limit.',
    }),
    projects: t.exposeInt('projects', {
      nullable: true,
      description: 'How many projects there can be; null without limit.',
    }),
  }),
});

const UsageType = builder.objectRef<Usage>('Usage').implement({
  description: 'What the organization uses of its plan.',
  public: true,
  fields: (t) => ({
    seats: t.exposeInt('seats', { description: 'Members and pending invitations.' }),
    projects: t.exposeInt('projects', { description: 'Projects.' }),
  }),
});

const entitlements = (name: Plan, current: Plan | undefined) => ({ ...PLANS[name], name, current: name === current });

builder.queryFields((t) => ({
  plan: t.field({
    type: PlanType,
    nullable: true,
    permission: 'plan:read',
    description: 'The plan of the organization and its limits.',
    resolve: (_root, _args, ctx) => {
      const plan = ctx.unit.access.effective?.grants.plan ?? 'FREE';
      return entitlements(plan, plan);
    },
  }),
  plans: t.field({
    type: [PlanType],
    public: true,
    description: 'All plans, the least first: the table of entitlements.',
    resolve: (_root, _args, ctx) =>
      PLAN_NAMES.map((name) => entitlements(name, ctx.unit.access.effective?.grants.plan)),
  }),
  usage: t.field({
    type: UsageType,
    nullable: true,
    permission: 'usage:read',
    description: 'What the organization uses now.',
    resolve: (_root, _args, ctx) => usageOf(ctx),
  }),
}));

mutation('updatePlan', {
  permission: 'billing:update',
  description:
    'Changes the plan. What the new plan lacks is frozen and nothing deleted: nobody can do more than before.',
  input: (t) => ({
    plan: t.field({ type: PlanName, required: true, description: 'The new plan.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { plan: { type: PlanType, description: 'The plan as it is now.' }, ...ACCESS_CHANGES },
  resolve: async ({ plan, dryRun }, ctx) => {
    const { result, accessChanges } = await updatePlan(ctx, plan, dryRun ?? false);
    return withChanges(ctx, 'plan', { result: entitlements(result, result), accessChanges });
  },
});
