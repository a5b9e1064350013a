import { sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { checkResults } from '../check-result/table.ts';
import { levels } from '../level/table.ts';

/**
 * Waits for running evaluations, which lock all levels. Later ones do not see the check after it was deleted. For `beforeDelete`
 * of a check.
 */
export async function lockResults(ctx: Context, { levelId }: { levelId: string }): Promise<void> {
  const own = sql`${levels.organizationId} = ${tenant(ctx)} and ${levels.id} = ${levelId}`;
  await queryRows(await db(ctx), sql`select ${levels.id} from ${levels} where ${own} for update`);
}

/** Deletes all results of a deleted check. There is no foreign key that does it. */
export async function deleteResults(ctx: Context, checkId: string): Promise<void> {
  const own = sql`${checkResults.organizationId} = ${tenant(ctx)} and ${checkResults.checkId} = ${checkId}`;
  await sendStatement(await db(ctx), sql`delete from ${checkResults} where ${own}`);
}
