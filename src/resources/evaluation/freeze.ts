import { type SQL, sql } from 'drizzle-orm';
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
  const now = ctx.dependencies.clock().toISOString();
  await updateLatest(ctx, checkIds, (latest) => {
    const expires = sql`${checkResults.expiresAt} > ${now}::timestamptz`;
    return sql`update ${checkResults} set expires_at = null where ${latest} and ${expires}`;
  });
}

/**
 * Ends the results of these checks in this transaction, because their campaign is no longer in progress. Otherwise, a campaign
 * that starts and ends again before the next evaluation would keep them.
 */
export async function endResults(ctx: Context, checkIds: readonly string[]): Promise<void> {
  const now = ctx.dependencies.clock().toISOString();
  await updateLatest(
    ctx,
    checkIds,
    (latest) => sql`update ${checkResults} set replaced_at = ${now}::timestamptz where ${latest}`,
  );
}

/** Runs a statement for the latest results of these checks, after the evaluations that are running and before later ones. */
async function updateLatest(
  ctx: Context,
  checkIds: readonly string[],
  statementFor: (latest: SQL) => SQL,
): Promise<void> {
  if (checkIds.length === 0) return;
  await lockResults(ctx);
  const { organizationId, checkId, replacedAt } = checkResults;
  const latest = sql`${organizationId} = ${tenant(ctx)} and ${isAnyOf(checkId, checkIds)} and ${replacedAt} is null`;
  awaitWithCommit(ctx, sendStatement(await db(ctx), statementFor(latest)));
}
