import { and, eq, type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { type CheckType, checks } from '../check/table.ts';
import { messageOf } from '../check-result/message.ts';
import { currentStatus } from '../check-result/status.ts';
import { type CheckStatus, checkResults } from '../check-result/table.ts';
import type { Scope } from '../evaluation/scope.ts';
import { propertyDefinitions } from '../property-definition/table.ts';
import { services } from '../service/table.ts';
import { findCheckIds } from './checks.ts';

/** The latest result of a check of a campaign for a service. */
export interface CampaignResult {
  readonly serviceId: string;
  readonly service: string;
  readonly teamId: string | null;
  /** The name of the check. Null if it is not visible to the caller. */
  readonly check: string | null;
  readonly status: CheckStatus;
  /** The reason for the result, as Markdown: the first characters of a long one. */
  readonly message: string | null;
  readonly since: Date;
  /** The number of results of the service that meet the condition. */
  readonly ofService: number;
}

/** Characters of a message in a report. */
const MESSAGE = 1_000;

/** The services whose names and results the caller may read. */
export const visibleServices = (ctx: Context): SQL =>
  and(
    eq(services.organizationId, tenant(ctx)),
    ownedBy(ctx, services.ownerId, 'service:read'),
    ownedBy(ctx, services.ownerId, 'check_result:read'),
  ) as SQL;

/**
 * The latest results of a campaign for these services, with their checks, for FROM and WHERE. The IDs of the checks tell the
 * planner how many there are. With a join only, it chooses a slower plan that reads the results one by one.
 */
export async function resultsOf(
  { db, organizationId }: Pick<Scope, 'db' | 'organizationId'>,
  campaignId: string,
  which: SQL,
): Promise<SQL> {
  const ofChecks = isAnyOf(checkResults.checkId, await findCheckIds({ db, organizationId }, [campaignId]));
  return sql`from ${checkResults} join ${checks} on ${checks.organizationId} = ${organizationId} and ${checks.id} = ${checkResults.checkId}
    join ${services} on ${services.organizationId} = ${organizationId} and ${services.id} = ${checkResults.serviceId}
    where ${checkResults.organizationId} = ${organizationId} and ${ofChecks} and ${checkResults.replacedAt} is null and ${which}`;
}

/** The same for the services that are visible to the caller. */
const ofCampaign = async (ctx: Context, campaignId: string): Promise<SQL> =>
  resultsOf({ db: await db(ctx), organizationId: tenant(ctx) }, campaignId, visibleServices(ctx));

/** The number of checks of a campaign. */
export async function countChecks(ctx: Context, campaignId: string): Promise<number> {
  const own = and(eq(checks.organizationId, tenant(ctx)), eq(checks.campaignId, campaignId));
  return await (await db(ctx)).$count(checks, own);
}

/** The IDs of the services with a result in the campaign, in the order of their names. */
export async function listServiceIds(ctx: Context, campaignId: string): Promise<string[]> {
  const rows = await queryRows<{ id: string }>(
    await db(ctx),
    sql`select one.id from (select distinct ${services.id} as id, lower(${services.name}) as name ${await ofCampaign(ctx, campaignId)}) as one
      order by one.name, one.id`,
  );
  return rows.map(({ id }) => id);
}

interface Row extends Omit<CampaignResult, 'since' | 'check'> {
  checkId: string;
  isReported: boolean;
  since: Date | string;
}

interface Bounds {
  /** Maximum number of results of each service. */
  perService: number;
  limit: number;
}

/** The results that meet a condition, in the order of services and checks. */
export async function listResults(
  ctx: Context,
  campaignId: string,
  condition: SQL,
  { perService, limit }: Bounds,
): Promise<CampaignResult[]> {
  const time = ctx.dependencies.clock();
  const { serviceId, message, expiresAt, createdAt, reportedById } = checkResults;
  const expired = sql`case when ${expiresAt} <= ${time.toISOString()}::timestamptz then ${expiresAt} else ${createdAt} end`;
  const order = sql`lower(${checks.name}), ${checks.id}`;
  const rows = await queryRows<Row>(
    await db(ctx),
    sql`select one.* from (
        select ${serviceId} as "serviceId", ${services.name} as service, ${services.ownerId} as "teamId",
          ${checks.id} as "checkId",
          ${currentStatus(time)} as status, left(${message}, ${MESSAGE}::int) as message, ${expired} as since,
          ${reportedById} is not null as "isReported",
          count(*) over (partition by ${serviceId})::int as "ofService",
          row_number() over (partition by ${serviceId} order by ${order}) as position
        ${await ofCampaign(ctx, campaignId)} and ${condition}
      ) as one where one.position <= ${perService} order by lower(one.service), one."serviceId", one.position limit ${limit}`,
  );
  const shown = ctx.unit.access.can('check:read')
    ? await findChecks(ctx, new Set(rows.map((row) => row.checkId)))
    : null;
  return rows.map((row) => resultOf(row, shown?.get(row.checkId) ?? null));
}

interface ShownCheck {
  readonly name: string;
  readonly type: CheckType;
  readonly settings: object;
  /** The name of the property. Null also if it is not visible to the caller. */
  readonly definition: string | null;
}

/** The checks by ID. Each is read once, because the settings of a check can be much longer than a result. */
async function findChecks(ctx: Context, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, ShownCheck>> {
  const { id, name, type, settings, definitionId } = checks;
  const rows = await (await db(ctx))
    .select({ id, name, type, settings, definitionId })
    .from(checks)
    .where(and(eq(checks.organizationId, tenant(ctx)), isAnyOf(id, ids)));
  const definitions = ctx.unit.access.can('property_definition:read')
    ? await findNames(
        ctx,
        propertyDefinitions,
        rows.map((row) => row.definitionId),
      )
    : new Map<string, string>();
  return new Map(rows.map((row) => [row.id, { ...row, definition: definitions.get(row.definitionId ?? '') ?? null }]));
}

/** The message of a result that Ambit has evaluated follows from the settings of its check. */
function resultOf(row: Row, check: ShownCheck | null): CampaignResult {
  const { serviceId, service, teamId, status, message, isReported, since, ofService } = row;
  return {
    ...{ serviceId, service, teamId, status, ofService },
    check: check?.name ?? null,
    message: isReported ? message : check && messageOf(check, status),
    since: new Date(since),
  };
}
