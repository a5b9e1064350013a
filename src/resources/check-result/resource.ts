import type { Context } from '../../context.ts';
import { dateTime } from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { node } from '../../graphql/resource.ts';
import { canSee } from '../../graphql/target.ts';
import { Check } from '../check/resource.ts';
import { Integration } from '../integration/resource.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, isVisible } from '../principal/service.ts';
import { PropertyDefinition } from '../property-definition/resource.ts';
import { Service } from '../service/resource.ts';
import { KEPT_DAYS } from './clean-up.ts';
import { messageOf } from './message.ts';
import { CHECK_STATUSES, statusOf } from './status.ts';
import { checkResults } from './table.ts';

const DESCRIPTIONS = {
  PASSED: 'The service passed the check.',
  FAILED: 'The service failed the check.',
  PENDING:
    'The result was not reported yet, or it expired. Counts as failed, unless `passPending` of the check is true.',
};

export const CheckResultStatus = builder.enumType('CheckResultStatus', {
  description: 'The status of a service in a check.',
  values: Object.fromEntries(CHECK_STATUSES.map((name) => [name, { description: DESCRIPTIONS[name] }])) as Record<
    (typeof CHECK_STATUSES)[number],
    { description: string }
  >,
});

export const CheckResult = node('CheckResult', {
  table: checkResults,
  id: 'chr',
  permission: 'check_result',
  ofService: 'serviceId',
  description: `The result of a check for a service. A new result replaces the previous one, which stays in the history for ${KEPT_DAYS} days.`,
  attributes: {
    expiresAt: dateTime('When the result expires. The status is then PENDING'),
    replacedAt: dateTime('When a newer result replaced this one'),
  },
  computed: {
    status: {
      type: CheckResultStatus,
      description: 'Whether the service passed. PENDING if the result has expired.',
      columns: ['status', 'expiresAt', 'replacedAt'],
      value: statusOf,
    },
  },
  fields: (t) => ({
    message: t.string({
      nullable: true,
      description:
        'The reason for the result, as Markdown. Sanitize it before you render it. If Ambit evaluated the check, Ambit writes the message from the current settings of the check. Such a message is null if the result was replaced or the check is not visible to the caller. A reported message is null if the reporter gave none.',
      resolve: (row, _args, ctx) => (row.reportedById === null ? evaluatedMessage(ctx, row) : row.message),
    }),
    // These columns have no foreign keys, so they are not declared as references. See `table.ts`.
    service: t.field({
      type: Service.type,
      nullable: true,
      description: 'The service. Null if it is not visible to the caller.',
      resolve: ({ serviceId }, _args, ctx) => Service.load(ctx, serviceId),
    }),
    check: t.field({
      type: Check.type,
      nullable: true,
      description: 'The check. Null if it is not visible to the caller.',
      resolve: ({ checkId }, _args, ctx) => Check.load(ctx, checkId),
    }),
    reportedBy: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account that reported the result. Null if Ambit evaluated the check, if an event of an integration determined the result, or if the reporter was deleted or is not visible to the caller.',
      resolve: async ({ reportedById }, _args, ctx) => {
        const principal = reportedById === null ? null : await findPrincipal(ctx, reportedById);
        return principal && isVisible(ctx, principal) ? principal : null;
      },
    }),
    integration: t.field({
      type: Integration.type,
      nullable: true,
      description:
        'The integration whose event determined the result. Null if no event determined the result, or if the integration was deleted or is not visible to the caller.',
      resolve: ({ reportedById }, _args, ctx) => (reportedById === null ? null : Integration.load(ctx, reportedById)),
    }),
  }),
});

/** The message of a result that Ambit has evaluated. Only the latest one follows from the current settings. */
async function evaluatedMessage(ctx: Context, row: typeof checkResults.$inferSelect): Promise<string | null> {
  if (row.replacedAt !== null) return null;
  const check = await Check.load(ctx, row.checkId);
  if (!check || !canSee(ctx, Check, check)) return null;
  const definition = check.definitionId === null ? null : await PropertyDefinition.load(ctx, check.definitionId);
  const name = definition && canSee(ctx, PropertyDefinition, definition) ? definition.name : null;
  return messageOf({ ...check, definition: name }, statusOf(row, ctx.dependencies.clock()));
}
