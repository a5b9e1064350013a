import { sql } from 'drizzle-orm';
import { awaitWithCommit, type Context, db, tenant } from '../../context.ts';
import { sendStatement } from '../../db/writer.ts';
import { checkResults } from '../check-result/table.ts';

/**
 * Deletes all results of a deleted service. There is no foreign key that does it. The statement is sent after the deletion of
 * the service, which waits for an evaluation that has locked it. So the results of that evaluation are deleted too.
 */
export async function deleteResultsOf(ctx: Context, serviceId: string): Promise<void> {
  const own = sql`${checkResults.organizationId} = ${tenant(ctx)} and ${checkResults.serviceId} = ${serviceId}`;
  awaitWithCommit(ctx, sendStatement(await db(ctx), sql`delete from ${checkResults} where ${own}`));
}
