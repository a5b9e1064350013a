import { and, eq, type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { findNames } from '../../data/names.ts';
import { ownedBy } from '../../data/service-scope.ts';
import { queryRows } from '../../db/reader.ts';
import { type CheckType, checks } from '../check/table.ts';
import { messageOf } from '../check-result/message.ts';
import { currentStatus } from '../check-result/status.ts';
import { type CheckStatus, checkResults } from '../check-result/table.ts';
import { propertyDefinitions } from '../property-definition/table.ts';
import { services } from '../service/table.ts';

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

/** The latest results of a campaign, with their checks, for FROM and WHERE. */
export const ofCampaign = (ctx: Context, campaignId: string): SQL =>
  sql`from ${checks} join ${checkResults} on ${checkResults.organizationId} = ${tenant(ctx)}
    and ${checkResults.checkId} = ${checks.id} and ${checkResults.replacedAt} is null
    join ${services} on ${services.id} = ${checkResults.serviceId}
    where ${checks.organizationId} = ${tenant(ctx)} and ${checks.campaignId} = ${campaignId} and ${visibleServices(ctx)}`;

interface Row extends Omit<CampaignResult, 'since'> {
  type: CheckType;
  settings: object | string;
  definitionId: string | null;
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
          ${checks.name} as check, ${checks.type}, ${checks.settings}, ${checks.definitionId} as "definitionId",
          ${currentStatus(time)} as status, left(${message}, ${MESSAGE}::int) as message, ${expired} as since,
          ${reportedById} is not null as "isReported",
          count(*) over (partition by ${serviceId})::int as "ofService",
          row_number() over (partition by ${serviceId} order by ${order}) as position
        ${ofCampaign(ctx, campaignId)} and ${condition}
      ) as one where one.position <= ${perService} order by lower(one.service), one."serviceId", one.position limit ${limit}`,
  );
  const definitions = ctx.unit.access.can('property_definition:read')
    ? await findNames(
        ctx,
        propertyDefinitions,
        rows.map(({ definitionId }) => definitionId),
      )
    : new Map<string, string>();
  return rows.map((row) => resultOf(ctx, row, definitions.get(row.definitionId ?? '') ?? null));
}

/** The message of a result that Ambit has evaluated follows from the settings of its check. */
function resultOf(ctx: Context, row: Row, definition: string | null): CampaignResult {
  const { serviceId, service, teamId, check, type, status, message, isReported, since, ofService } = row;
  const canReadCheck = ctx.unit.access.can('check:read');
  const settings = typeof row.settings === 'string' ? JSON.parse(row.settings) : row.settings;
  const evaluated = canReadCheck ? messageOf({ type, settings, definition }, status) : null;
  return {
    ...{ serviceId, service, teamId, status, ofService },
    check: canReadCheck ? check : null,
    message: isReported ? message : evaluated,
    since: new Date(since),
  };
}
