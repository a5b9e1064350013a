import { and, eq, gt, isNull, or, type SQL, sql } from 'drizzle-orm';
import { isAnyOf } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import { apiTokens } from './table.ts';

interface LineageRow {
  id: string;
  hash: string;
  previous_hash: string | null;
}

/**
 * Locks these API tokens and keys, with all that were made with them. A foreign key deletes all of them together, but no
 * foreign key can refer to them from the directory of secrets. So its rows must be deleted in the same transaction.
 */
export async function lockLineage(db: Db, organizationId: string, roots: SQL): Promise<LineageRow[]> {
  let locked: LineageRow[] = [];
  // Until a row is locked, another one can be made with it. A second statement sees those of the first one's snapshot too.
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
  select ${apiTokens.id}, ${apiTokens.hash}, ${apiTokens.previousHash} from ${apiTokens}
  where ${apiTokens.organizationId} = ${organizationId} and ${apiTokens.id} in (
    with recursive lineage(id) as (
      select ${apiTokens.id} from ${apiTokens} where ${and(eq(apiTokens.organizationId, organizationId), roots)}
      union
      select ${apiTokens.id} from lineage join ${apiTokens} on ${apiTokens.madeWithId} = lineage.id
      where ${apiTokens.organizationId} = ${organizationId}
    ) select lineage.id from lineage)
  order by ${apiTokens.id} for update`;

/** Nothing that was made with a token or key outlasts it, also if that ends earlier now. */
export async function endLineage(db: Db, organizationId: string, id: string, end: Date): Promise<void> {
  const lineage = await lockLineage(db, organizationId, eq(apiTokens.id, id));
  const isLater = or(isNull(apiTokens.expiresAt), gt(apiTokens.expiresAt, end));
  const ids = lineage.map((row) => row.id);
  await db
    .update(apiTokens)
    .set({ expiresAt: end })
    .where(and(eq(apiTokens.organizationId, organizationId), isAnyOf(apiTokens.id, ids), isLater));
}
