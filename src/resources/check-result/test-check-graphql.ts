import { readInOwnTransaction } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { canSee, type GivenReference, loadReferenced, referenceInputOf } from '../../graphql/target.ts';
import { Check } from '../check/resource.ts';
import { MAX_RULES } from '../check/settings.ts';
import { Service } from '../service/resource.ts';
import { CheckResultStatus } from './resource.ts';
import { type CheckTest, type TestedService, testCheck } from './test-check.ts';

const CheckTestService = builder.objectRef<TestedService>('CheckTestService').implement({
  description: 'The result that a tested check would give for a service.',
  public: true,
  fields: (t) => ({
    alias: t.exposeString('alias', { description: 'The alias that `serviceSelector` yields.' }),
    service: t.field({
      type: Service.type,
      nullable: true,
      description:
        'The service with the alias. Null if no service has it, or if the service is not visible to the caller.',
      resolve: async ({ serviceId }, _args, ctx) => {
        const row = serviceId === null ? null : await Service.load(ctx, serviceId);
        return row && canSee(ctx, Service, row) ? row : null;
      },
    }),
    status: t.field({
      type: CheckResultStatus,
      nullable: true,
      description: 'The status of the result if the check applies to the service. Null if there is an error.',
      resolve: (one) => ('status' in one ? one.status : null),
    }),
    message: t.string({
      nullable: true,
      description: 'The message of the result, as Markdown. Null if it has none, or if there is an error.',
      resolve: (one) => ('message' in one ? one.message : null),
    }),
    error: t.string({
      nullable: true,
      description: 'Why the check would give no result for the service. Null if there is no error.',
      resolve: (one) => ('error' in one ? one.error : null),
    }),
  }),
});

const CheckTestType = builder.objectRef<CheckTest>('CheckTest').implement({
  description: 'The results that a check of type CUSTOM_EVENT would give for a payload.',
  public: true,
  fields: (t) => ({
    services: t.field({
      type: [CheckTestService],
      description: 'The services that the payload is about, at most 1,000. Empty if there are errors.',
      resolve: ({ services }) => [...services],
    }),
    errors: t.field({
      type: ['String'],
      description: 'The errors that concern the settings of the check or the whole payload.',
      resolve: ({ errors }) => [...errors],
    }),
  }),
});

const maximum = (field: keyof typeof MAX_RULES): string =>
  `At most ${MAX_RULES[field].toLocaleString('en')} characters.`;

const CheckRulesInput = builder.inputType('CheckRulesInput', {
  description: 'The settings of a check of type CUSTOM_EVENT to test.',
  fields: (t) => ({
    serviceSelector: t.string({
      description: `A jq program that yields the aliases of the services. ${maximum('serviceSelector')}`,
    }),
    successCondition: t.string({
      description: `A jq program that yields whether a service passes. ${maximum('successCondition')}`,
    }),
    resultMessage: t.string({
      description: `A Liquid template for the message. ${maximum('resultMessage')} Null for no message.`,
    }),
  }),
});

/** A test of programs that run for a long time. */
const COST = { field: 50, multiplier: 20 };

builder.queryField('testCheck', (t) =>
  t.field({
    type: CheckTestType,
    nullable: true,
    permission: 'check:update',
    description:
      'Evaluates a payload with the settings of a check of type CUSTOM_EVENT, and stores nothing. Null if there is no check with this ID or alias.',
    complexity: COST,
    args: {
      check: t.arg({ type: referenceInputOf(Check), description: 'A check of type CUSTOM_EVENT.' }),
      settings: t.arg({
        type: CheckRulesInput,
        description:
          'Settings that replace those of the check. Without `check`, `serviceSelector` and `successCondition` are required.',
      }),
      payload: t.arg({ type: 'JSON', required: true, description: 'The payload of the event.' }),
    },
    resolve: async (_root, { check, settings, payload }, ctx) => {
      const row = check
        ? await readInOwnTransaction(ctx, (own) => loadReferenced(own, Check, check as GivenReference))
        : null;
      if (check && !(row && canSee(ctx, Check, row))) return null;
      return await testCheck(ctx, row, settings ?? {}, payload);
    },
  }),
);
