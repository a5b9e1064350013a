import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { arrayParam } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { checkResults } from '../check-result/table.ts';
import { scorecardLevels, serviceLevels, services } from '../service/table.ts';
import type { Differences, LevelDifferences, Pair } from './differences.ts';
import { insertLevels, insertMissingChecks, insertResults, insertScorecardLevels } from './insert.ts';
import type { Scope } from './scope.ts';

/** Writes the differences. Results end before others begin, because only one can be the latest. */
export async function writeDifferences(scope: Scope, differences: Differences): Promise<void> {
  const { ended, added, resumed, services: changed, inCategories, inScorecards, missingChecks } = differences;
  // The statements are sent without waiting for the responses of earlier ones.
  await Promise.all([
    ended.length > 0 && end(scope, ended),
    insertResults(scope, added),
    changed.length > 0 && updateServices(scope, changed),
    removeLevels(scope, serviceLevels, serviceLevels.categoryId, inCategories.removed),
    insertLevels(scope, inCategories.changed),
    removeLevels(scope, scorecardLevels, scorecardLevels.scorecardId, inScorecards.removed),
    insertScorecardLevels(scope, inScorecards.changed),
    insertMissingChecks(scope, missingChecks),
  ]);
  if (resumed.length > 0) await resume(scope, resumed);
}

const column = <Row>(rows: readonly Row[], value: (row: Row) => string | null): SQL =>
  sql`${arrayParam(rows.map(value) as string[])}`;

/** Pairs of IDs as a table. */
const pairsOf = <Row>(rows: readonly Row[], one: (row: Row) => string, other: (row: Row) => string): SQL =>
  sql`unnest(${column(rows, one)}::uuid[], ${column(rows, other)}::uuid[]) as pair(one, other)`;

/**
 * The condition for the results of these pairs. Without statistics, as after an import, PostgreSQL would compare each pair with
 * all results of the organization. IS TRUE prevents such a join: PostgreSQL reads only the results of these services, and looks
 * each of them up in a hash table of the pairs.
 */
function ofPairs(organizationId: string, pairs: readonly Pair[]): SQL {
  const { serviceId, checkId } = checkResults;
  const given = pairsOf(
    pairs,
    (pair) => pair.serviceId,
    (pair) => pair.checkId,
  );
  const serviceIds = arrayParam([...new Set(pairs.map((pair) => pair.serviceId))]);
  return sql`${checkResults.organizationId} = ${organizationId} and ${serviceId} = any(${serviceIds})
    and ((${serviceId}, ${checkId}) in (select one, other from ${given})) is true`;
}

const end = ({ db, organizationId, now }: Scope, ended: readonly Pair[]): Promise<void> =>
  sendStatement(
    db,
    sql`update ${checkResults} set replaced_at = ${now.toISOString()}::timestamptz
      where ${ofPairs(organizationId, ended)} and ${checkResults.replacedAt} is null`,
  );

/** Makes the last report of each pair the latest result again. It has not expired. */
async function resume({ db, organizationId, now }: Scope, resumed: readonly Pair[]): Promise<void> {
  const { id, serviceId, checkId, createdAt, reportedById, expiresAt } = checkResults;
  const reports = sql`select distinct on (${serviceId}, ${checkId}) ${id} from ${checkResults}
    where ${ofPairs(organizationId, resumed)} and ${reportedById} is not null
    order by ${serviceId}, ${checkId}, ${createdAt} desc, ${id} desc`;
  const ids = (await queryRows<{ id: string }>(db, reports)).map((row) => row.id);
  const own = sql`${checkResults.organizationId} = ${organizationId} and ${id} = any(${arrayParam(ids)})`;
  await sendStatement(db, sql`update ${checkResults} set replaced_at = null where ${own}`);
  const expiring = sql`select ${serviceId} as id, min(${expiresAt}) as at from ${checkResults}
    where ${own} and ${expiresAt} > ${now.toISOString()}::timestamptz group by ${serviceId}`;
  await sendStatement(
    db,
    sql`update ${services} set next_evaluation_at = least(${services.nextEvaluationAt}, expiring.at)
      from (${expiring}) as expiring where ${services.organizationId} = ${organizationId} and ${services.id} = expiring.id`,
  );
}

const updateServices = ({ db, organizationId }: Scope, changed: Differences['services']): Promise<void> =>
  sendStatement(
    db,
    sql`update ${services} set level_id = changed.level_id, next_evaluation_at = changed.next
      from unnest(${column(changed, ({ id }) => id)}::uuid[], ${column(changed, ({ levelId }) => levelId)}::uuid[],
        ${column(changed, ({ nextEvaluationAt: at }) => (at === null ? null : new Date(at).toISOString()))}::timestamptz[])
        as changed(id, level_id, next)
      where ${services.organizationId} = ${organizationId} and ${services.id} = changed.id
      and ${services.id} = any(${column(changed, ({ id }) => id)}::uuid[])`,
  );

async function removeLevels(
  { db, organizationId }: Scope,
  table: typeof serviceLevels | typeof scorecardLevels,
  section: PgColumn,
  removed: LevelDifferences['removed'],
): Promise<void> {
  if (removed.length === 0) return;
  const pairs = pairsOf(
    removed,
    ({ serviceId }) => serviceId,
    ({ sectionId }) => sectionId,
  );
  await sendStatement(
    db,
    sql`delete from ${table} using ${pairs} where ${table.organizationId} = ${organizationId}
      and ${table.serviceId} = pair.one and ${section} = pair.other
      and ${table.serviceId} = any(${column(removed, ({ serviceId }) => serviceId)}::uuid[])`,
  );
}
