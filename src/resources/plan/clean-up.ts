import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { requestCounts } from './table.ts';

const dayOf = (time: Date): string => time.toISOString().slice(0, 10);

/** The numbers of requests on the days before this time. */
export const endedRequestCounts = (organizationId: string, before: Date): SQL =>
  sql`select ${requestCounts.day} from ${requestCounts}
    where ${requestCounts.organizationId} = ${organizationId} and ${requestCounts.day} < ${dayOf(before)}`;

/** Deletes at most `limit` of them, and returns their number. */
export async function deleteEndedRequestCounts(
  db: Db,
  organizationId: string,
  before: Date,
  limit: number,
): Promise<number> {
  const deleted = await queryRows(
    db,
    sql`delete from ${requestCounts}
      where ${requestCounts.organizationId} = ${organizationId}
        and ${requestCounts.day} in (${endedRequestCounts(organizationId, before)} limit ${limit})
      returning ${requestCounts.day}`,
  );
  return deleted.length;
}
