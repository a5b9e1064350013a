import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { makePgArray, type PgColumn } from 'drizzle-orm/pg-core';
import { clientOf, dialect } from '../../db/client.ts';
import { checkResults } from '../check-result/table.ts';
import { TEXT_COMPARISONS } from '../filter/compare.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { scorecardLevels, serviceLevels, serviceMissingChecks, services } from '../service/table.ts';
import { tiers } from '../tier/table.ts';
import type { Condition } from './conditions.ts';
import type { Scope } from './scope.ts';
import { valuesOf } from './values.ts';

/** The state of a service before the evaluation, and the conditions that it meets. */
export interface State {
  readonly id: string;
  /** The numbers of the conditions, separated by commas. */
  readonly met: string;
  /** The latest results as the ID of the check and a letter, ordered by ID. Without those of campaigns that have ended. */
  readonly stored: string;
  /** The last report of each check in the same form, in any order. */
  readonly reported: string;
  /** The levels in the categories as the ID of the category and the ID of the level, ordered by category. */
  readonly storedLevels: string;
  /** The levels in scorecards in the same form. */
  readonly scorecardLevels: string;
  /** The checks that are missing for the next level, as the text of an array. Null if they have never been stored. */
  readonly missingChecks: string | null;
  readonly levelId: string | null;
  /** In milliseconds since 1970. */
  readonly nextEvaluationAt: number | null;
  readonly lastDeployAt: number | null;
  readonly createdAt: number;
  /** When the next stored result expires. */
  readonly nextExpiry: number | null;
}

/**
 * Maximum number of services for which the statement is prepared. For many, planning takes less time than a plan that was
 * made before the tables grew.
 */
const FEW = 20;

/** Reads the state of services. Results with a frozen ID are ignored. */
export async function readStates(
  { db, organizationId, now }: Scope,
  serviceIds: readonly string[],
  conditions: readonly Condition[],
  frozenIds: readonly string[],
): Promise<State[]> {
  const numbered = JSON.stringify(conditions.map((condition, number) => ({ ...condition, no: number })));
  const params = [
    organizationId,
    makePgArray([...serviceIds]),
    now.toISOString(),
    makePgArray([...frozenIds]),
    numbered,
    makePgArray([...new Set(conditions.map(({ subject }) => subject))]),
  ];
  const prepare = serviceIds.length <= FEW;
  return (await clientOf(db).unsafe(TEXT, params as never[], { prepare })) as unknown as State[];
}

const ORGANIZATION = sql.raw('$1::uuid');
const SERVICES = sql.raw('$2::uuid[]');
const NOW = sql.raw('$3::timestamptz');
const FROZEN = sql.raw('$4::uuid[]');
const CONDITIONS = sql.raw('$5::jsonb');
const SUBJECTS = sql.raw('$6::text[]');

const ofOrganization = (column: PgColumn): SQL => sql`${column} = ${ORGANIZATION}`;

const milliseconds = (time: SQLWrapper): SQL => sql`ceil(extract(epoch from ${time}) * 1000)::float8`;

/** The conditions. The number that a tier or a lifecycle stage is compared with is its position. */
const conditions = sql`select given.no, given.subject, given.key, given.name, given.comparison, given.negated,
    given.value, given.case_sensitive, given.numeric_text,
    case when given.case_sensitive then given.value else lower(given.value) end as wanted,
    coalesce(given.number, ${tiers.index}, ${lifecycles.index}) as number
  from jsonb_to_recordset(${CONDITIONS}) as given (no int, subject text, key text, name text, comparison text,
    negated boolean, value text, case_sensitive boolean, number numeric, numeric_text boolean)
  left join ${tiers} on ${ofOrganization(tiers.organizationId)} and given.subject = 'TIER'
    and ${tiers.id}::text = given.value
  left join ${lifecycles} on ${ofOrganization(lifecycles.organizationId)} and given.subject = 'LIFECYCLE'
    and ${lifecycles.id}::text = given.value`;

type TextComparison = keyof typeof TEXT_COMPARISONS;

const inText = (comparison: TextComparison): SQL =>
  TEXT_COMPARISONS[comparison](sql`folded.text`, sql`condition.wanted`);

/** Whether a value meets the comparison of a condition. Null if a number is missing. */
const isMet = sql`case condition.comparison
  when 'EXISTS' then value.text is not null
  when 'EQUALS' then ${inText('EQUALS')} or folded.number = condition.number
  when 'CONTAINS' then ${inText('CONTAINS')}
  when 'STARTS_WITH' then ${inText('STARTS_WITH')}
  when 'ENDS_WITH' then ${inText('ENDS_WITH')}
  when 'MATCHES_REGEX' then
    case when condition.case_sensitive then value.text ~ condition.value else value.text ~* condition.value end
  when 'GREATER_THAN_OR_EQUAL_TO' then folded.number >= condition.number
  when 'LESS_THAN_OR_EQUAL_TO' then folded.number <= condition.number
end`;

const folded = sql`select case when condition.case_sensitive then value.text else lower(value.text) end as text,
  case when condition.number is null then null
    when not condition.numeric_text then value.number
    when value.text ~ '^-?[0-9]{1,100}([.][0-9]{1,100})?$' then value.text::numeric end as number`;

const met = sql`select value.service_id, string_agg(distinct condition.no::text, ',') as met
  from value join condition on condition.subject = value.subject
    and (condition.key is null or condition.key = value.key) and (condition.name is null or condition.name = value.name)
  cross join lateral (${folded}) as folded
  where ((${isMet}) is true) <> condition.negated group by value.service_id`;

const letter = sql`case ${checkResults.status} when 'PASSED' then 'P' when 'FAILED' then 'F' else 'X' end`;

const ofService = sql`${ofOrganization(checkResults.organizationId)} and ${checkResults.serviceId} = batch.id`;

const stored = sql`select coalesce(string_agg(${checkResults.checkId}::text || ${letter}, '' order by ${checkResults.checkId}), '') as stored,
    ${milliseconds(sql`min(${checkResults.expiresAt}) filter (where ${checkResults.expiresAt} > ${NOW})`)} as next_expiry
  from ${checkResults} where ${ofService} and ${checkResults.replacedAt} is null and ${checkResults.checkId} <> all(${FROZEN})`;

const reports = sql`select distinct on (${checkResults.checkId}) ${checkResults.checkId}::text
    || case when ${checkResults.expiresAt} <= ${NOW} then 'X' else ${letter} end as report
  from ${checkResults} where ${ofService} and ${checkResults.reportedById} is not null
  order by ${checkResults.checkId}, ${checkResults.createdAt} desc, ${checkResults.id} desc`;

const levelsIn = (table: typeof serviceLevels | typeof scorecardLevels, section: PgColumn): SQL =>
  sql`coalesce((select string_agg(${section}::text || ${table.levelId}::text, '' order by ${section}) from ${table}
    where ${ofOrganization(table.organizationId)} and ${table.serviceId} = batch.id), '')`;

const missingChecks = sql`(select ${serviceMissingChecks.checkIds}::text from ${serviceMissingChecks}
  where ${ofOrganization(serviceMissingChecks.organizationId)} and ${serviceMissingChecks.serviceId} = batch.id)`;

const batch = sql`select * from ${services} where ${ofOrganization(services.organizationId)} and ${services.id} = any(${SERVICES})`;

/** One text for all organizations, so that a connection plans it once. */
const TEXT = dialect.sqlToQuery(
  sql`${valuesOf(batch, { organizationId: ORGANIZATION, serviceIds: SERVICES, subjects: SUBJECTS })},
    condition as materialized (${conditions}), met as materialized (${met})
    select batch.id, coalesce(met.met, '') as met, latest.stored, latest.next_expiry as "nextExpiry",
      coalesce((select string_agg(report, '') from (${reports}) as reports), '') as reported,
      ${levelsIn(serviceLevels, serviceLevels.categoryId)} as "storedLevels",
      ${levelsIn(scorecardLevels, scorecardLevels.scorecardId)} as "scorecardLevels", ${missingChecks} as "missingChecks",
      batch.level_id as "levelId", ${milliseconds(sql`batch.next_evaluation_at`)} as "nextEvaluationAt",
      ${milliseconds(sql`batch.last_deploy_at`)} as "lastDeployAt", ${milliseconds(sql`batch.created_at`)} as "createdAt"
    from batch left join met on met.service_id = batch.id cross join lateral (${stored}) as latest order by batch.id`,
).sql;
