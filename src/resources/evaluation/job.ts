import { type SQL, sql } from 'drizzle-orm';
import type { JobDependencies } from '../../context.ts';
import { arrayParam } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import type { JobHandler } from '../../jobs/job.ts';
import { services } from '../service/table.ts';
import { BATCH, type EvaluateOptions, evaluateBatch } from './evaluate.ts';
import { recordNumbers } from './record.ts';
import type { Scope } from './scope.ts';

/**
 * Evaluates services in transactions of one batch each. A retry begins with the first batch again, and then writes only what
 * is still different.
 */
export const createEvaluate =
  ({ clock }: JobDependencies): JobHandler<'evaluate'> =>
  async (job) => {
    const { organizationId, serviceIds, checkIds } = job.payload;
    const which = serviceIds ? sql`${services.id} = any(${arrayParam(serviceIds)})` : sql`true`;
    const options = checkIds ? { checkIds } : {};
    let after: string | null = null;
    do after = await job.transaction((db) => evaluatePage({ db, organizationId, now: clock() }, which, after, options));
    while (after !== null);
    await job.finish((db) => recordNumbers({ db, organizationId, now: clock() }));
  };

/** Evaluates the next services that meet the condition. Returns the ID of the last one, or null if there are no more. */
export async function evaluatePage(
  scope: Scope,
  which: SQL,
  after: string | null,
  options: EvaluateOptions = {},
): Promise<string | null> {
  const page = after === null ? sql`true` : sql`${services.id} > ${after}`;
  const own = sql`${services.organizationId} = ${scope.organizationId} and ${which} and ${page}`;
  const rows = await queryRows<{ id: string }>(
    scope.db,
    sql`select ${services.id} from ${services} where ${own} order by ${services.id} limit ${BATCH}`,
  );
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return null;
  if (!(await evaluateBatch(scope, ids, options))) throw new Error('a level is being changed; the job is retried');
  return ids.length < BATCH ? null : (ids.at(-1) ?? null);
}
