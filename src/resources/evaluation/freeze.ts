import { sql } from 'drizzle-orm';
import { awaitWithCommit, type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { sendStatement } from '../../db/writer.ts';
import { checkResults } from '../check-result/table.ts';
import { lockResults } from './check-deletion.ts';

/**
 * Keeps the results of these checks as they are, because their campaign ends in this transaction. Running evaluations are
 * awaited, and reported results no longer expire.
 */
export async function freezeResults(ctx: Context, checkIds: readonly string[]): Promise<void> {
  if (checkIds.length === 0) return;
  await lockResults(ctx);
  const { organizationId, checkId, replacedAt, expiresAt } = checkResults;
  const latest = sql`${organizationId} = ${tenant(ctx)} and ${isAnyOf(checkId, checkIds)} and ${replacedAt} is null`;
  const now = ctx.dependencies.clock().toISOString();
  awaitWithCommit(
    ctx,
    sendStatement(
      await db(ctx),
      sql`update ${checkResults} set expires_at = null where ${latest} and ${expiresAt} > ${now}::timestamptz`,
    ),
  );
}
