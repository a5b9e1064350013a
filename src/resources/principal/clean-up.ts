import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { assignments } from '../role/table.ts';

/** Organization roles that expired before this time. Until then, a refusal names the expired role. */
export const endedRoles = (organizationId: string, before: Date): SQL =>
  sql`select ${assignments.id} from ${assignments}
    where ${assignments.organizationId} = ${organizationId} and ${assignments.projectId} is null
      and ${assignments.expiresAt} < ${before.toISOString()}`;

/** Replaces at most `limit` of them by their fallback, which is in force already. Returns their number. */
export async function replaceEndedRoles(db: Db, organizationId: string, before: Date, limit: number): Promise<number> {
  const replaced = await queryRows(
    db,
    sql`update ${assignments} set built_in_role_id = fallback_built_in_role_id, role_id = fallback_role_id,
        fallback_built_in_role_id = null, fallback_role_id = null, expires_at = null
      where ${assignments.organizationId} = ${organizationId} and ${assignments.projectId} is null
        and ${assignments.expiresAt} < ${before.toISOString()}
        and ${assignments.id} in (${endedRoles(organizationId, before)} limit ${limit})
      returning ${assignments.id}`,
  );
  return replaced.length;
}
