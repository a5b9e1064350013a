import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { arrayParam } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { maturityHistory, scorecardLevels, serviceLevels, services } from '../service/table.ts';
import type { Scope } from './scope.ts';

/** Days for which the numbers of services are kept. */
export const KEPT_DAYS = 730;

export const dayOf = (time: Date): string => time.toISOString().slice(0, 10);

/** The key of services without a level in `maturity_history.services`. */
export const NO_LEVEL = 'none';

type Numbers = Record<string, number>;

/**
 * Stores how many services have each level now as the numbers of today, for the rubric, for each category and for each scorecard.
 * The last numbers of a day remain.
 */
export async function recordMaturity(scope: Scope): Promise<void> {
  const { db, organizationId, now } = scope;
  const counted = await countLevels(scope);
  // Of a category or a scorecard without a check, and if the last service was deleted, the numbers of earlier today are wrong.
  const { organizationId: own, day, categoryId: category } = maturityHistory;
  const gone = sql`${own} = ${organizationId} and ${day} = ${dayOf(now)} and ${category} <> all(${arrayParam([...counted.keys()])}::uuid[])`;
  await sendStatement(db, sql`delete from ${maturityHistory} where ${gone}`);
  if (counted.size === 0) return;
  // In one order, so that two jobs do not wait for each other.
  const sorted = [...counted].sort(([one], [other]) => (one < other ? -1 : 1));
  const rows = sorted.map(
    ([categoryId, numbers]) =>
      sql`(${organizationId}, ${dayOf(now)}, ${categoryId}::uuid, ${JSON.stringify(numbers)}::jsonb)`,
  );
  await sendStatement(
    db,
    sql`insert into ${maturityHistory} (organization_id, day, category_id, services) values ${sql.join(rows, sql`, `)}
      on conflict (organization_id, day, category_id) do update set services = excluded.services`,
  );
}

/**
 * The number of services of each level, by category and by scorecard. The key of the overall level is the ID of the
 * organization.
 */
async function countLevels({ db, organizationId }: Scope): Promise<Map<string, Numbers>> {
  const inSections = (table: typeof serviceLevels | typeof scorecardLevels, section: PgColumn) =>
    queryRows<{ section: string; level: string; services: number }>(
      db,
      sql`select ${section} as section, ${table.levelId} as level, count(*)::int as services
        from ${table} where ${table.organizationId} = ${organizationId} group by 1, 2`,
    );
  const [overall, ...sections] = await Promise.all([
    queryRows<{ level: string | null; services: number }>(
      db,
      sql`select ${services.levelId} as level, count(*)::int as services from ${services}
        where ${services.organizationId} = ${organizationId} group by 1`,
    ),
    inSections(serviceLevels, serviceLevels.categoryId),
    inSections(scorecardLevels, scorecardLevels.scorecardId),
  ]);
  const total = overall.reduce((sum, row) => sum + row.services, 0);
  if (total === 0) return new Map();
  const numbers = new Map<string, Numbers>();
  numbers.set(organizationId, Object.fromEntries(overall.map((row) => [row.level ?? NO_LEVEL, row.services])));
  for (const [section, rows] of Map.groupBy(sections.flat(), (row) => row.section)) {
    const without = total - rows.reduce((sum, row) => sum + row.services, 0);
    const own: Numbers = Object.fromEntries(rows.map((row) => [row.level, row.services]));
    numbers.set(section, without > 0 ? { ...own, [NO_LEVEL]: without } : own);
  }
  return numbers;
}

export const endedHistory = (organizationId: string, before: Date): SQL =>
  sql`select ${maturityHistory.day}, ${maturityHistory.categoryId} from ${maturityHistory}
    where ${maturityHistory.organizationId} = ${organizationId} and ${maturityHistory.day} < ${dayOf(before)}`;

/** Deletes at most `limit` of them, and returns their number. */
export async function deleteEndedHistory(db: Db, organizationId: string, before: Date, limit: number): Promise<number> {
  const deleted = await queryRows(
    db,
    sql`delete from ${maturityHistory} where ${maturityHistory.organizationId} = ${organizationId}
      and (${maturityHistory.day}, ${maturityHistory.categoryId}) in (${endedHistory(organizationId, before)} limit ${limit})
      returning ${maturityHistory.day}`,
  );
  return deleted.length;
}
