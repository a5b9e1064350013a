import { sql } from 'drizzle-orm';
import type { Pool } from '../../src/db/pool.ts';
import { inTransaction } from '../../src/db/transaction.ts';
import { evaluatePage } from '../../src/resources/evaluation/job.ts';
import type { Organization } from './seed.ts';

/** Evaluates all services of an organization, as the job does. With `checkIds`, only these checks. */
export async function evaluateAll(pool: Pool, { id }: Organization, checkIds?: string[]): Promise<void> {
  const options = checkIds ? { checkIds } : {};
  const page = (after: string | null): Promise<string | null> =>
    inTransaction(pool, { organizationId: id, userId: null }, (db) =>
      evaluatePage({ db, organizationId: id, now: new Date() }, sql`true`, after, options),
    );
  for (let after = await page(null); after !== null; after = await page(after));
}
