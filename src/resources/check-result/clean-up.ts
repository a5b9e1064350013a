import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { checkResults } from './table.ts';

/** Days for which a result is kept after another has replaced it. */
export const KEPT_DAYS = 365;

/** Results that were replaced before this time. The latest result is always kept. */
export const endedResults = (organizationId: string, before: Date): SQL =>
  sql`select ${checkResults.id} from ${checkResults}
    where ${checkResults.organizationId} = ${organizationId} and ${checkResults.replacedAt} < ${before.toISOString()}`;

/** Deletes at most `limit` of them, and returns their number. */
export async function deleteEndedResults(db: Db, organizationId: string, before: Date, limit: number): Promise<number> {
  // The outer condition is checked again after a wait for a row lock, because an evaluation may have made it the latest.
  const deleted = await queryRows(
    db,
    sql`delete from ${checkResults}
      where ${checkResults.organizationId} = ${organizationId} and ${checkResults.replacedAt} < ${before.toISOString()}
        and ${checkResults.id} in (${endedResults(organizationId, before)} limit ${limit})
      returning ${checkResults.id}`,
  );
  return deleted.length;
}
