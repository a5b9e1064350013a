import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { mutation, withChanges } from '../../graphql/mutation.ts';
import { type Entitlements, PLAN_NAMES, PLANS, type Plan } from '../../lib/plans.ts';
import { requestLimitsOf } from '../../lib/request-limits.ts';
import { planOf } from '../principal/access.ts';
import { type DayOfRequests, KEPT_DAYS, listRequests } from './request-counts.ts';
import { type Usage, updatePlan, usageOf } from './service.ts';

export const PlanName = builder.enumType('PlanName', {
  description: 'The name of a plan.',
  values: Object.fromEntries(
    PLAN_NAMES.map((name) => [name, { description: `The plan ${name}. \`plans\` lists its features and limits.` }]),
  ) as Record<Plan, { description: string }>,
});

const PlanType = builder.objectRef<Entitlements & { name: Plan; current: boolean }>('Plan').implement({
  description: 'A plan and the features and limits that it includes.',
  public: true,
  fields: (t) => ({
    name: t.field({ type: PlanName, description: 'The name of the plan.', resolve: (plan) => plan.name }),
    current: t.exposeBoolean('current', { description: 'Whether it is the plan of the caller’s organization.' }),
    customRoles: t.exposeBoolean('customRoles', {
      description: 'Whether the plan includes custom roles and policies.',
    }),
    projectRoles: t.exposeBoolean('projectRoles', { description: 'Whether the plan includes project roles.' }),
    enforcedSso: t.exposeBoolean('enforcedSso', { description: 'Whether the plan includes enforced single sign-on.' }),
    seats: t.exposeInt('seats', {
      nullable: true,
      description: 'The maximum number of members and pending invitations. Null if there is no limit.',
    }),
    projects: t.exposeInt('projects', {
      nullable: true,
      description: 'The maximum number of projects. Null if there is no limit.',
    }),
    apiKeysPerProject: t.exposeInt('apiKeysPerProject', {
      nullable: true,
      description: 'The maximum number of API keys of one project. Null if there is no limit.',
    }),
    requestsPerMinute: t.int({
      description:
        'The maximum number of requests in a minute with one session, API token or API key. An operation counts as one request for each of its root fields, and one more for each 1,000 of its cost.',
      resolve: ({ name }, _args, { dependencies: { config } }) =>
        requestLimitsOf(name, config.planRequestsPercent).credential,
    }),
    organizationRequestsPerMinute: t.int({
      description: 'The maximum number of requests in a minute of the whole organization.',
      resolve: ({ name }, _args, { dependencies: { config } }) =>
        requestLimitsOf(name, config.planRequestsPercent).organization,
    }),
  }),
});

const DayOfRequestsType = builder.objectRef<DayOfRequests>('DayOfRequests').implement({
  description: 'The requests of the organization on one day.',
  public: true,
  fields: (t) => ({
    day: t.expose('day', { type: 'DateTime', description: 'When the day begins, in UTC.' }),
    requests: t.exposeFloat('requests', {
      description:
        'The number of requests, as `Plan.organizationRequestsPerMinute` counts them. Refused requests are not included.',
    }),
  }),
});

const UsageType = builder.objectRef<Usage>('Usage').implement({
  description:
    'How many seats and projects the organization uses, and how many requests it sends. `Plan` has the limits.',
  public: true,
  fields: (t) => ({
    seats: t.exposeInt('seats', { description: 'The number of members and pending invitations.' }),
    projects: t.exposeInt('projects', {
      description:
        'The number of projects that are visible to the caller. The limit of the plan applies to all projects, and PLAN_REQUIRED tells their number.',
    }),
    requests: t.field({
      type: [DayOfRequestsType],
      args: {
        days: t.arg.int({
          defaultValue: DEFAULT_DAYS,
          description: `The number of days, including today, from 1 to ${KEPT_DAYS}. Older counts are deleted.`,
        }),
      },
      description:
        'The requests of the last days, oldest first. A request is included up to about ten seconds after it was sent.',
      complexity: ({ days }) => ({ field: 1, multiplier: days ?? DEFAULT_DAYS }),
      resolve: (_usage, { days }, ctx) => listRequests(ctx, days ?? DEFAULT_DAYS),
    }),
  }),
});

/** The days that `Usage.requests` returns if `days` is omitted. */
const DEFAULT_DAYS = 30;

const entitlements = (name: Plan, current: Plan | undefined) => ({ ...PLANS[name], name, current: name === current });

builder.queryFields((t) => ({
  plan: t.field({
    type: PlanType,
    nullable: true,
    permission: 'plan:read',
    description: 'The plan of the organization.',
    resolve: (_root, _args, ctx) => {
      const plan = planOf(ctx);
      return entitlements(plan, plan);
    },
  }),
  plans: t.field({
    type: [PlanType],
    public: true,
    description: 'All plans, smallest first.',
    resolve: (_root, _args, ctx) =>
      PLAN_NAMES.map((name) => entitlements(name, ctx.unit.access.effective?.grants.plan)),
  }),
  usage: t.field({
    type: UsageType,
    nullable: true,
    permission: 'usage:read',
    description: 'How many seats and projects the organization uses, and how many requests it sends.',
    resolve: (_root, _args, ctx) => usageOf(ctx),
  }),
}));

mutation('updatePlan', {
  permission: 'billing:update',
  description:
    'Changes the plan of the organization. Roles that the new plan does not include are suspended, not deleted, and become effective again with a plan that includes them.',
  input: (t) => ({
    plan: t.field({ type: PlanName, required: true, description: 'The new plan.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { plan: { type: PlanType, description: 'The updated plan.' }, ...ACCESS_CHANGES },
  resolve: async ({ plan, dryRun }, ctx) => {
    const { result, accessChanges } = await updatePlan(ctx, plan, dryRun ?? false);
    return withChanges(ctx, 'plan', { result: entitlements(result, result), accessChanges });
  },
});
