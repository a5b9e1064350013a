import { and, eq, gt, isNull, or, type SQL, sql } from 'drizzle-orm';
import { isAnyOf } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { removeSecrets } from '../../identity/secrets.ts';
import { apiTokens } from './table.ts';

/** One of the API tokens and keys of a lineage: a token or key, and all that were created with it or with one of those. */
interface LineageRow {
  id: string;
  name: string;
  hash: string;
  previous_hash: string | null;
}

/**
 * Locks the lineages of these API tokens and keys. A foreign key deletes a lineage together, but no foreign key can refer to
 * it from the directory of secrets. So the secrets must be removed there in the same transaction.
 */
export async function lockLineage(db: Db, organizationId: string, roots: SQL): Promise<LineageRow[]> {
  let locked: LineageRow[] = [];
  // Another token can be created with a row until the row is locked. So the rows are read again until none was added.
  for (let size = -1; size < locked.length; ) {
    size = locked.length;
    locked = await queryRows<LineageRow>(db, lineageOf(organizationId, roots));
  }
  return locked;
}

/** All hashes with which these API tokens and keys can be used. */
export const hashesOf = (rows: readonly Pick<LineageRow, 'hash' | 'previous_hash'>[]): string[] =>
  rows.flatMap(({ hash, previous_hash: previous }) => (previous ? [hash, previous] : [hash]));

const lineageOf = (organizationId: string, roots: SQL): SQL => sql`
  select ${apiTokens.id}, ${apiTokens.name}, ${apiTokens.hash}, ${apiTokens.previousHash} from ${apiTokens}
  where ${apiTokens.organizationId} = ${organizationId} and ${apiTokens.id} in (
    with recursive lineage(id) as (
      select ${apiTokens.id} from ${apiTokens} where ${and(eq(apiTokens.organizationId, organizationId), roots)}
      union
      select ${apiTokens.id} from lineage join ${apiTokens} on ${apiTokens.createdWithId} = lineage.id
      where ${apiTokens.organizationId} = ${organizationId}
    ) select lineage.id from lineage)
  order by ${apiTokens.id} for update`;

/** Deletes a token or key and its lineage. Returns the deleted rows, or none if it does not exist. */
export async function deleteLineage(db: Db, organizationId: string, id: string): Promise<LineageRow[]> {
  const lineage = await lockLineage(db, organizationId, eq(apiTokens.id, id));
  await db.delete(apiTokens).where(and(eq(apiTokens.organizationId, organizationId), eq(apiTokens.id, id)));
  await removeSecrets(db, hashesOf(lineage));
  return lineage;
}

/** Lets the lineage of a token or key expire at its new expiry, where it would expire later. */
export async function endLineage(db: Db, organizationId: string, id: string, end: Date): Promise<void> {
  const lineage = await lockLineage(db, organizationId, eq(apiTokens.id, id));
  if (lineage.length === 1) return;
  const isLater = or(isNull(apiTokens.expiresAt), gt(apiTokens.expiresAt, end));
  const ids = lineage.map((row) => row.id);
  await db
    .update(apiTokens)
    .set({ expiresAt: end })
    .where(and(eq(apiTokens.organizationId, organizationId), isAnyOf(apiTokens.id, ids), isLater));
}
