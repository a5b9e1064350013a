import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { Organization } from '../organization/graphql.ts';
import { PlanName } from '../plan/graphql.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, isVisible } from '../principal/service.ts';
import { listPlanPeriods, MAX_HISTORY, type PlanPeriod } from './history.ts';
import { type Billing, getBilling, updateBillingContact } from './service.ts';

const PlanPeriodType = builder.objectRef<PlanPeriod>('PlanPeriod').implement({
  description: 'A time during which the organization had one plan.',
  permission: 'billing:read',
  fields: (t) => ({
    plan: t.field({ type: PlanName, description: 'The name of the plan.', resolve: (period) => period.plan }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      description:
        'When the plan became effective. For the first plan of an organization, when the organization was created.',
    }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When another plan replaced it. Null for the current plan.',
    }),
    changedBy: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account that chose the plan. Null if it is not known, is deleted, or is not visible to the caller.',
      resolve: async (period, _args, ctx) => {
        const principal = period.changedBy && (await findPrincipal(ctx, period.changedBy));
        return principal && isVisible(ctx, principal) ? principal : null;
      },
    }),
  }),
});

const BillingType = builder.objectRef<Billing>('Billing').implement({
  description: 'The plan of the organization, the history of its plans, and whom to contact about billing.',
  permission: 'billing:read',
  fields: (t) => ({
    plan: t.field({ type: PlanName, description: 'The current plan.', resolve: (billing) => billing.plan }),
    since: t.field({
      type: 'DateTime',
      description: 'When the organization got the current plan.',
      resolve: async (billing, _args, ctx) =>
        (await listPlanPeriods(ctx, 1))[0]?.startedAt ?? billing.organizationCreatedAt,
    }),
    contactEmail: t.exposeString('contactEmail', {
      nullable: true,
      description: 'The e-mail address for questions about billing. Null if none is set.',
    }),
    history: t.field({
      type: [PlanPeriodType],
      description: `The plans that the organization has had, newest first. At most ${MAX_HISTORY}.`,
      complexity: { field: 1, multiplier: MAX_HISTORY },
      resolve: (_billing, _args, ctx) => listPlanPeriods(ctx),
    }),
  }),
});

builder.objectField(Organization, 'billing', (t) =>
  t.field({
    type: BillingType,
    nullable: true,
    permission: 'billing:read',
    description: 'The plan of the organization, the history of its plans, and whom to contact about billing.',
    resolve: (_organization, _args, ctx) => getBilling(ctx),
  }),
);

mutation('updateBillingContact', {
  permission: 'billing:update',
  description: 'Sets the e-mail address for questions about billing.',
  input: (t) => ({
    email: t.string({
      description: 'The e-mail address, at most 254 characters. Null clears it. Unchanged if omitted.',
    }),
  }),
  results: { billing: { type: BillingType, description: 'The updated billing data.' } },
  resolve: async (input, ctx) => ({ billing: await updateBillingContact(ctx, input) }),
});
