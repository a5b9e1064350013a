import { type SQL, sql } from 'drizzle-orm';
import { arrayParam } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { removeSecrets } from '../../identity/secrets.ts';
import { apiTokens } from './table.ts';

/** Tokens and keys whose previous secret expired before this time. */
export const endedSecrets = (organizationId: string, before: Date): SQL =>
  sql`select ${apiTokens.id}, ${apiTokens.previousHash} as hash from ${apiTokens}
    where ${apiTokens.organizationId} = ${organizationId} and ${apiTokens.previousEndsAt} < ${before.toISOString()}`;

/** Deletes at most `limit` of these secrets, and returns their number. */
export async function deleteEndedSecrets(db: Db, organizationId: string, before: Date, limit: number): Promise<number> {
  // Locked, because a rotation at the same time sets another previous secret.
  const ended = await queryRows<{ id: string; hash: string | null }>(
    db,
    sql`${endedSecrets(organizationId, before)} limit ${limit} for update`,
  );
  if (ended.length === 0) return 0;
  await queryRows(
    db,
    sql`update ${apiTokens} set previous_hash = null, previous_hint = null, previous_ends_at = null
      where ${apiTokens.organizationId} = ${organizationId}
        and ${apiTokens.id} = any(${arrayParam(ended.map(({ id }) => id))}::uuid[])`,
  );
  await removeSecrets(
    db,
    ended.flatMap(({ hash }) => hash ?? []),
  );
  return ended.length;
}

/**
 * Tokens and keys that expired before this time. Not those with which others were created that still exist, because a foreign
 * key would delete these too.
 */
export const endedTokens = (organizationId: string, before: Date): SQL =>
  sql`select t.id from ${apiTokens} t
    where t.organization_id = ${organizationId} and t.expires_at < ${before.toISOString()} and not exists (
      select from ${apiTokens} other where other.organization_id = ${organizationId} and other.created_with_id = t.id)`;

/** Deletes at most `limit` of them, and returns their number. */
export async function deleteEndedTokens(db: Db, organizationId: string, before: Date, limit: number): Promise<number> {
  const deleted = await queryRows<{ hash: string; previous: string | null }>(
    db,
    sql`delete from ${apiTokens}
      where ${apiTokens.organizationId} = ${organizationId} and ${apiTokens.expiresAt} < ${before.toISOString()}
        and ${apiTokens.id} in (${endedTokens(organizationId, before)} limit ${limit})
      returning ${apiTokens.hash} as hash, ${apiTokens.previousHash} as previous`,
  );
  await removeSecrets(
    db,
    deleted.flatMap(({ hash, previous }) => (previous === null ? [hash] : [hash, previous])),
  );
  return deleted.length;
}
