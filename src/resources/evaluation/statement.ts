import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { arrayParam } from '../../db/array.ts';
import { clientOf, dialect } from '../../db/client.ts';
import { checkResults } from '../check-result/table.ts';
import { jsonText } from '../filter/compare.ts';
import { compileFilter } from '../filter/compile.ts';
import { scorecardLevels, serviceLevels, serviceProperties, services } from '../service/table.ts';
import type { CheckToEvaluate } from './checks.ts';
import { statusOf } from './condition.ts';
import { partsOf } from './parts.ts';
import type { Rubric } from './rubric.ts';
import type { Scope } from './scope.ts';

/** The state of a service before the evaluation, and the statuses that it should have. */
export interface Computed {
  readonly id: string;
  /** One letter for each given check: `P`, `F`, `X` for pending, or `-` if the check does not apply. */
  readonly statuses: string;
  /** The latest results as the ID of the check and a letter, ordered by ID. Without those of campaigns that have ended. */
  readonly stored: string;
  /** The levels in the categories as the ID of the category and the ID of the level, ordered by category. */
  readonly storedLevels: string;
  /** The levels in scorecards in the same form. */
  readonly scorecardLevels: string;
  readonly levelId: string | null;
  /** In milliseconds since 1970. */
  readonly nextEvaluationAt: number | null;
  readonly lastDeployAt: number | null;
  readonly createdAt: number;
  /** When the next stored result expires. */
  readonly nextExpiry: number | null;
}

/** Maximum number of checks of one statement. Planning takes time for each of them. */
const SLICE = 500;
/** Maximum number of services for which each condition searches the parts on its own. */
const FEW = 4;

/** Computes the statuses of these checks for all services in one statement, or in several if there are many checks. */
export async function computeStatuses(
  scope: Scope,
  serviceIds: readonly string[],
  selected: readonly CheckToEvaluate[],
  rubric: Rubric,
): Promise<Computed[]> {
  const computed = await run(scope, serviceIds, selected.slice(0, SLICE), rubric);
  for (let at = SLICE; at < selected.length; at += SLICE) {
    const more = await run(scope, serviceIds, selected.slice(at, at + SLICE), rubric);
    for (const [row, own] of computed.entries())
      computed[row] = { ...own, statuses: own.statuses + (more[row]?.statuses ?? '') };
  }
  return computed;
}

async function run(scope: Scope, serviceIds: readonly string[], selected: readonly CheckToEvaluate[], rubric: Rubric) {
  const { sql: text, params } = dialect.sqlToQuery(statementFor(scope, serviceIds, selected, rubric));
  // The text depends on the checks of the organization. Named statements would remain on each connection.
  return (await clientOf(scope.db).unsafe(text, params as never[])) as unknown as Computed[];
}

function statementFor(
  { organizationId, now }: Scope,
  serviceIds: readonly string[],
  selected: readonly CheckToEvaluate[],
  { filters, frozenIds }: Rubric,
): SQL {
  const names = new Map(
    [...new Set(selected.flatMap(({ filterIds }) => filterIds))].map((id, at) => [id, sql.identifier(`f${at}`)]),
  );
  const matches = [...names].map(([id, name]) => {
    const filter = filters.get(id);
    if (!filter) throw new Error('the filter of a check was not loaded');
    return sql`, ${compileFilter(filter, filters)} as ${name}`;
  });
  const areFew = serviceIds.length <= FEW;
  const letters = selected.map((check) => {
    const status = statusOf({ check, now, areFew });
    if (check.filterIds.length === 0) return status;
    const applies = sql.join(
      check.filterIds.map((id) => sql`${names.get(id)}`),
      sql` and `,
    );
    return sql`case when ${applies} then ${status} else '-' end`;
  });
  const own = sql`${services.organizationId} = ${organizationId} and ${services.id} = any(${arrayParam(serviceIds)}::uuid[])`;
  // OFFSET prevents PostgreSQL from evaluating a filter again for each of its checks.
  const matched = sql`select ${services}.*${sql.join(matches)} from ${services} where ${own} offset 0`;
  return sql`${partsOf(organizationId, serviceIds)} select ${services.id},
    array_to_string(array[${sql.join(letters, sql`, `)}]::text[], '') as statuses,
    latest.stored, latest.next_expiry as "nextExpiry",
    coalesce((${levelsIn(serviceLevels, serviceLevels.categoryId, organizationId)}), '') as "storedLevels",
    coalesce((${levelsIn(scorecardLevels, scorecardLevels.scorecardId, organizationId)}), '') as "scorecardLevels",
    ${services.levelId} as "levelId", ${milliseconds(services.nextEvaluationAt)} as "nextEvaluationAt",
    ${milliseconds(services.lastDeployAt)} as "lastDeployAt", ${milliseconds(services.createdAt)} as "createdAt"
    from (${matched}) as ${services} cross join lateral (${storedResults(organizationId, now, frozenIds)}) as latest
    cross join lateral (${reportedResults(organizationId, now)}) as reported
    cross join lateral (${definedProperties(organizationId)}) as defined
    order by ${services.id}`;
}

const milliseconds = (time: SQLWrapper): SQL => sql`ceil(extract(epoch from ${time}) * 1000)::float8`;

function storedResults(organizationId: string, now: Date, frozenIds: readonly string[]): SQL {
  const { checkId, status, expiresAt, serviceId, replacedAt } = checkResults;
  const letter = sql`case ${status} when 'PASSED' then 'P' when 'FAILED' then 'F' else 'X' end`;
  const expiring = sql`${expiresAt} > ${now.toISOString()}::timestamptz`;
  return sql`select coalesce(string_agg(${checkId}::text || ${letter}, '' order by ${checkId}), '') as stored,
    ${milliseconds(sql`min(${expiresAt}) filter (where ${expiring})`)} as next_expiry
    from ${checkResults} where ${checkResults.organizationId} = ${organizationId} and ${serviceId} = ${services.id}
    and ${replacedAt} is null and ${checkId} <> all(${arrayParam(frozenIds)}::uuid[])`;
}

/** The last report of each manual check as a letter, by the ID of the check. */
function reportedResults(organizationId: string, now: Date): SQL {
  const { checkId, status, expiresAt, serviceId, reportedById, createdAt, id } = checkResults;
  const isExpired = sql`${expiresAt} <= ${now.toISOString()}::timestamptz`;
  const letter = sql`case when ${isExpired} then 'X' when ${status} = 'PASSED' then 'P' when ${status} = 'FAILED' then 'F' else 'X' end`;
  const reports = sql`select distinct on (${checkId}) ${checkId} as check_id, ${letter} as letter
    from ${checkResults} where ${checkResults.organizationId} = ${organizationId} and ${serviceId} = ${services.id}
    and ${reportedById} is not null order by ${checkId}, ${createdAt} desc, ${id} desc`;
  return sql`select jsonb_object_agg(report.check_id, report.letter) as letters from (${reports}) as report`;
}

const definedProperties = (organizationId: string): SQL =>
  sql`select jsonb_object_agg(${serviceProperties.definitionId}, ${jsonText(serviceProperties.value)}) as texts
    from ${serviceProperties} where ${serviceProperties.organizationId} = ${organizationId}
    and ${serviceProperties.serviceId} = ${services.id}`;

const levelsIn = (
  table: typeof serviceLevels | typeof scorecardLevels,
  section: PgColumn,
  organizationId: string,
): SQL =>
  sql`select string_agg(${section}::text || ${table.levelId}::text, '' order by ${section})
    from ${table} where ${table.organizationId} = ${organizationId} and ${table.serviceId} = ${services.id}`;
