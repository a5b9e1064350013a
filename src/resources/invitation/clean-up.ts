import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { removeSecrets } from '../../identity/secrets.ts';
import { invitations } from './table.ts';

/** Invitations that expired before this time. Until then, they are listed as expired. */
export const endedInvitations = (organizationId: string, before: Date): SQL =>
  sql`select ${invitations.id} from ${invitations}
    where ${invitations.organizationId} = ${organizationId} and ${invitations.expiresAt} < ${before.toISOString()}`;

/** Deletes at most `limit` of them, and returns their number. */
export async function deleteEndedInvitations(
  db: Db,
  organizationId: string,
  before: Date,
  limit: number,
): Promise<number> {
  // The outer condition is checked again after a wait for a row lock, because `resendInvitation` may have renewed the row.
  const deleted = await queryRows<{ hash: string }>(
    db,
    sql`delete from ${invitations}
      where ${invitations.organizationId} = ${organizationId} and ${invitations.expiresAt} < ${before.toISOString()}
        and ${invitations.id} in (${endedInvitations(organizationId, before)} limit ${limit})
      returning ${invitations.hash} as hash`,
  );
  await removeSecrets(
    db,
    deleted.map(({ hash }) => hash),
  );
  return deleted.length;
}
