import { sql } from 'drizzle-orm';
import { awaitWithCommit, type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { sendStatement } from '../../db/writer.ts';
import { checkResults } from '../check-result/table.ts';
import { levels } from '../level/table.ts';

/**
 * Waits for running evaluations, which lock all levels, and postpones others until the end of the transaction. For the deletion
 * of a check or a category: an evaluation that has read it could otherwise refer to it afterwards. The lock is not FOR UPDATE: a
 * request that holds the check and inserts another one with this level would otherwise wait for it, and it for that request.
 */
export async function lockResults(ctx: Context): Promise<void> {
  const own = sql`${levels.organizationId} = ${tenant(ctx)}`;
  const one = sql`select ${levels.id} from ${levels} where ${own} order by ${levels.id} limit 1 for no key update`;
  awaitWithCommit(ctx, sendStatement(await db(ctx), one));
}

/** Deletes all results of deleted checks. There is no foreign key that does it. */
export async function deleteResults(ctx: Context, checkIds: readonly string[]): Promise<void> {
  const own = sql`${checkResults.organizationId} = ${tenant(ctx)} and ${isAnyOf(checkResults.checkId, checkIds)}`;
  awaitWithCommit(ctx, sendStatement(await db(ctx), sql`delete from ${checkResults} where ${own}`));
}
