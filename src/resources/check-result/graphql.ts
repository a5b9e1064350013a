import { and, type SQL } from 'drizzle-orm';
import { audit, type Context } from '../../context.ts';
import { MAX_PAGE } from '../../db/page.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { mutation } from '../../graphql/mutation.ts';
import { type GivenReference, loadReferenced, referenceInputOf, refersTo, type Target } from '../../graphql/target.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { nounOf } from '../../lib/words.ts';
import { Category } from '../category/resource.ts';
import { Check } from '../check/resource.ts';
import { checks } from '../check/table.ts';
import { evaluateServices } from '../evaluation/evaluate.ts';
import { Level } from '../level/resource.ts';
import { Service } from '../service/resource.ts';
import { KEPT_DAYS } from './clean-up.ts';
import { latestResults, listHistory, type Selected } from './list.ts';
import { MAX_MESSAGE, reportResult } from './report.ts';
import { CheckResult, CheckResultStatus } from './resource.ts';
import { checkResults } from './table.ts';

const CheckResultFilter = builder.inputType('CheckResultFilter', {
  description: 'Selects the results that match all given fields.',
  fields: (t) => ({
    status: t.field({ type: CheckResultStatus, description: 'The value of `status`.' }),
    category: t.field({
      type: referenceInputOf(Category),
      visibleWith: Category.permission,
      description: 'The ID or alias of the category of the check.',
    }),
    level: t.field({
      type: referenceInputOf(Level),
      visibleWith: Level.permission,
      description: 'The ID or alias of the level of the check.',
    }),
  }),
});

type Filter = typeof CheckResultFilter.$inferInput;

const selected = (ctx: Context, filter: Filter): Selected => ({
  status: filter.status,
  ofCheck: and(
    filter.category ? refersTo(ctx, Category, checks.categoryId, filter.category as GivenReference) : undefined,
    filter.level ? refersTo(ctx, Level, checks.levelId, filter.level as GivenReference) : undefined,
  ),
  asked: filter,
});

const LATEST = 'newest first. Each of them is the latest result of its check for its service.';

builder.objectField(Service.type, 'checkResults', (t) =>
  t.connection(
    {
      type: CheckResult.type,
      nullable: true,
      permission: 'check_result:read',
      description: `The results of the service in the checks that apply to it, ${LATEST}`,
      args: { filter: t.arg({ type: CheckResultFilter, description: 'Which results to list. Defaults to all.' }) },
      resolve: (service, { filter, ...args }, ctx) =>
        latestResults(ctx, 'serviceId', service.id, selected(ctx, filter ?? {}), args),
    },
    connectionOf(CheckResult.type),
  ),
);

builder.objectField(Check.type, 'results', (t) =>
  t.connection(
    {
      type: CheckResult.type,
      nullable: true,
      permission: 'check_result:read',
      description: `The results of the services that the check applies to, ${LATEST} Empty while the check is not enabled.`,
      args: { status: t.arg({ type: CheckResultStatus, description: 'The status to list. Defaults to all.' }) },
      resolve: (check, { status, ...args }, ctx) =>
        latestResults(ctx, 'checkId', check.id, { status, asked: status ?? null }, args),
    },
    connectionOf(CheckResult.type),
  ),
);

builder.queryField('checkResultHistory', (t) =>
  t.connection(
    {
      type: CheckResult.type,
      nullable: true,
      permission: 'check_result:read',
      description: `All results of a check for a service, newest first. Results are deleted ${KEPT_DAYS} days after another has replaced them. Empty if the check or the service does not exist or is not visible to the caller.`,
      args: {
        check: t.arg({
          type: referenceInputOf(Check),
          required: true,
          visibleWith: Check.permission,
          description: 'The check.',
        }),
        service: t.arg({
          type: referenceInputOf(Service),
          required: true,
          visibleWith: Service.permission,
          description: 'The service.',
        }),
      },
      resolve: (_root, { check, service, ...args }, ctx) =>
        listHistory(
          ctx,
          and(
            refersTo(ctx, Check, checkResults.checkId, check as GivenReference),
            refersTo(ctx, Service, checkResults.serviceId, service as GivenReference),
          ) as SQL,
          [check, service],
          args,
        ),
    },
    connectionOf(CheckResult.type),
  ),
);

/** Whoever reports results needs no permission to read checks and services. */
const VISIBLE_TO_REPORTERS = 'check_result:create';

mutation('reportCheckResult', {
  permission: 'check_result:create',
  description:
    'Reports the result of a MANUAL check for a service. It replaces the latest result, which stays in the history. A result PASSED expires after `frequencyDays` of the check. Returns INVALID if the check is not of type MANUAL, is not enabled or does not apply to the service, and REQUIRED if the check requires a message.',
  input: (t) => ({
    check: t.field({
      type: referenceInputOf(Check),
      required: true,
      visibleWith: [Check.permission, VISIBLE_TO_REPORTERS],
      description: 'The check.',
    }),
    service: t.field({
      type: referenceInputOf(Service),
      required: true,
      visibleWith: [Service.permission, VISIBLE_TO_REPORTERS],
      description: 'The service.',
    }),
    status: t.field({ type: CheckResultStatus, required: true, description: 'Whether the service passed the check.' }),
    message: t.string({ description: `The reason, as Markdown. 1 to ${MAX_MESSAGE.toLocaleString('en')} characters.` }),
  }),
  results: { checkResult: { type: CheckResult.type, description: 'The new result.' } },
  resolve: async ({ check, service, ...report }, ctx) => {
    const { id: checkId } = await named(ctx, Check, check as GivenReference, 'check');
    const { id: serviceId } = await named(ctx, Service, service as GivenReference, 'service');
    return { checkResult: await reportResult(ctx, checkId, serviceId, report) };
  },
});

mutation('runChecks', {
  permission: 'check_result:create',
  description:
    'Evaluates the checks that apply to a service, and its levels, now. Ambit does this after each change, so it is only needed if a change does not show.',
  input: (t) => ({
    service: t.field({
      type: referenceInputOf(Service),
      required: true,
      visibleWith: [Service.permission, VISIBLE_TO_REPORTERS],
      description: 'The service.',
    }),
  }),
  results: {
    service: { type: Service.type, description: 'The service.' },
    checkResults: {
      type: [CheckResult.type],
      description: `The latest results of the service, newest first, at most ${MAX_PAGE}. \`checkResults\` of the service lists all of them.`,
    },
  },
  resolve: async ({ service }, ctx) => {
    const row = await named(ctx, Service, service as GivenReference, 'service');
    audit(ctx, { targetId: toPublicId('svc', row.id) });
    await evaluateServices(ctx, [row.id]);
    const { edges } = await latestResults(ctx, 'serviceId', row.id, { asked: null }, { first: MAX_PAGE });
    return { service: await Service.load(ctx, row.id), checkResults: edges.map(({ node }) => node) };
  },
});

/** The object that an input names. The permission of the mutation is enough to name it. */
async function named<Row extends { id: string }>(
  ctx: Context,
  target: Target<Row>,
  given: GivenReference,
  path: string,
): Promise<Row> {
  const row = await loadReferenced(ctx, target, given);
  if (row) return row;
  const message = `${path}: there is no ${nounOf(target.name)} with this ${typeof given === 'object' && given.alias != null ? 'alias' : 'ID'}.`;
  throw invalid(userError('NOT_FOUND', path, message));
}
