import { and, eq } from 'drizzle-orm';
import { serviceOf } from '../../access/ownership.ts';
import { audit, type Context } from '../../context.ts';
import { MAX_PAGE } from '../../db/page.ts';
import { builder, type SchemaTypes } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { mutation } from '../../graphql/mutation.ts';
import {
  canSee,
  type GivenReference,
  loadReferenced,
  referenceInputOf,
  refersTo,
  type Target,
} from '../../graphql/target.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { nounOf } from '../../lib/words.ts';
import { Category } from '../category/resource.ts';
import { Check } from '../check/resource.ts';
import { checks } from '../check/table.ts';
import { evaluateServices } from '../evaluation/evaluate.ts';
import { Level } from '../level/resource.ts';
import { Service } from '../service/resource.ts';
import type { ServiceRow } from '../service/service.ts';
import { KEPT_DAYS } from './clean-up.ts';
import { listResults, type Selected, whoseCheck } from './list.ts';
import { MAX_MESSAGE, reportResult } from './report.ts';
import { CheckResult, CheckResultStatus } from './resource.ts';
import { currentStatus } from './status.ts';
import { checkResults } from './table.ts';

const referenceField = (t: InputFields, target: Target, description: string) =>
  t.field({ type: referenceInputOf(target), visibleWith: target.permission, description });

type InputFields = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;

const CheckResultFilter = builder.inputType('CheckResultFilter', {
  description: 'Selects the results that match all given fields.',
  fields: (t) => ({
    status: t.field({ type: CheckResultStatus, description: 'The value of `status`.' }),
    check: referenceField(t, Check, 'The ID or alias of the check.'),
    service: referenceField(t, Service, 'The ID or alias of the service.'),
    category: referenceField(t, Category, 'The ID or alias of the category of the check.'),
    level: referenceField(t, Level, 'The ID or alias of the level of the check.'),
  }),
});

type Filter = typeof CheckResultFilter.$inferInput;

function selected(ctx: Context, filter: Filter): Selected {
  const { status, check, service, category, level } = filter;
  const ofCheck = and(
    category ? refersTo(ctx, Category, checks.categoryId, category) : undefined,
    level ? refersTo(ctx, Level, checks.levelId, level) : undefined,
  );
  const conditions = [
    status ? eq(currentStatus(ctx.dependencies.clock()), status) : [],
    check ? refersTo(ctx, Check, checkResults.checkId, check) : [],
    service ? refersTo(ctx, Service, checkResults.serviceId, service) : [],
    ofCheck ? whoseCheck(ctx, ofCheck) : [],
  ].flat();
  return { conditions, asked: filter };
}

const ON_SERVICE = { on: ({ ownerId }: ServiceRow) => serviceOf(ownerId) };

const LISTS = [
  {
    type: Service.type,
    guard: ON_SERVICE,
    field: 'checkResults',
    of: { which: 'latest', by: 'serviceId' },
    description:
      'The latest result of the service in each check that applies to it, newest first. Only checks that are enabled have one.',
  },
  {
    type: Service.type,
    guard: ON_SERVICE,
    field: 'checkResultHistory',
    of: { which: 'all', by: 'serviceId' },
    description: `All results of the service, newest first. Results are deleted ${KEPT_DAYS} days after they were replaced.`,
  },
  {
    type: Check.type,
    guard: { onSome: true },
    field: 'results',
    of: { which: 'latest', by: 'checkId' },
    description:
      'The latest result of each service that the check applies to, newest first. Empty while the check is not enabled.',
  },
] as const;

for (const { type, guard, field, of, description } of LISTS)
  builder.objectField(type as typeof Service.type, field, (t) =>
    t.connection(
      {
        type: CheckResult.type,
        nullable: true,
        permission: 'check_result:read',
        ...(guard as typeof ON_SERVICE),
        description,
        args: { filter: t.arg({ type: CheckResultFilter, description: 'Which results to list. Defaults to all.' }) },
        resolve: ({ id }, { filter, ...args }, ctx) =>
          listResults(ctx, { ...of, id }, selected(ctx, filter ?? {}), args),
      },
      connectionOf(CheckResult.type),
    ),
  );

/** Whoever reports results needs no permission to read checks and services. */
const VISIBLE_TO_REPORTERS = 'check_result:create';

mutation('reportCheckResult', {
  permission: 'check_result:create',
  onSome: true,
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
    const reported = await named(ctx, Check, check as GivenReference, 'check');
    const { id: serviceId } = await reportable(ctx, service as GivenReference);
    return { checkResult: await reportResult(ctx, reported, serviceId, report) };
  },
});

mutation('runChecks', {
  permission: 'check_result:create',
  onSome: true,
  description:
    'Evaluates the checks that apply to a service, and its levels, now. Ambit does this after each change, so it is rarely needed.',
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
    const row = await reportable(ctx, service as GivenReference);
    audit(ctx, { targetId: toPublicId('svc', row.id) });
    await evaluateServices(ctx, [row.id]);
    const of = { which: 'latest', by: 'serviceId', id: row.id } as const;
    const { edges } = await listResults(ctx, of, { conditions: [], asked: null }, { first: MAX_PAGE });
    return { service: await Service.load(ctx, row.id), checkResults: edges.map(({ node }) => node) };
  },
});

/** The service that an input names. One that the caller can neither report on nor see does not exist. */
async function reportable(ctx: Context, given: GivenReference) {
  const isVisible = (row: ServiceRow): boolean =>
    ctx.unit.access.can(VISIBLE_TO_REPORTERS, serviceOf(row.ownerId)) || canSee(ctx, Service, row);
  const row = await named(ctx, Service, given, 'service', isVisible);
  ctx.unit.access.require(VISIBLE_TO_REPORTERS, serviceOf(row.ownerId));
  return row;
}

/** The object that an input names. The permission of the mutation is enough to name it. */
async function named<Row extends { id: string }>(
  ctx: Context,
  target: Target<Row>,
  given: GivenReference,
  path: string,
  isVisible: (row: Row) => boolean = () => true,
): Promise<Row> {
  const row = await loadReferenced(ctx, target, given);
  if (row && isVisible(row)) return row;
  const message = `${path}: there is no ${nounOf(target.name)} with this ${typeof given === 'object' && given.alias != null ? 'alias' : 'ID'}.`;
  throw invalid(userError('NOT_FOUND', path, message));
}
