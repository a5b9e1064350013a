import { sql } from 'drizzle-orm';
import type { Db } from '../db/client.ts';
import type { Pool } from '../db/pool.ts';
import { sendStatement } from '../db/writer.ts';

/**
 * Makes the commit of a job and of its change atomic in a Citus cluster. Citus does not manage the tables of pg-boss, because
 * it does not support all of their statements and foreign keys. It would commit on the worker first, and a crash of the
 * coordinator could then lose the job. Citus uses two-phase commit if the transaction also writes a managed table of the
 * instance. This statement writes such a table, and deletes no row.
 */
export async function useTwoPhaseCommit(pool: Pool, db: Db): Promise<void> {
  if (pool.isCluster) await sendStatement(db, sql`delete from rate_limits where key = ''`);
}
