import { sql } from 'drizzle-orm';
import type { JobDependencies } from '../../context.ts';
import { listOrganizationsAcrossTenants } from '../../identity/across-tenants.ts';
import type { Job, JobHandler } from '../../jobs/job.ts';
import { describeError } from '../../lib/log.ts';
import { services } from '../service/table.ts';
import { evaluatePage } from './job.ts';

/** Maximum number of organizations of one job. Another job continues after them. */
const PAGE = 200;
/** Failures after which the remaining organizations are left to another job. In a cluster, a worker may be down. */
const MAX_FAILURES = 5;

/** Evaluates services whose results change because time has passed. */
export const createEvaluateDue =
  ({ jobs, clock, log }: JobDependencies): JobHandler<'evaluate-due'> =>
  async (job) => {
    const { after } = job.payload;
    const page = await job.transaction((db) => listOrganizationsAcrossTenants(db, after, PAGE));
    let [visited, failures] = [0, 0];
    for (const organization of page) {
      job.signal.throwIfAborted();
      visited += 1;
      try {
        await evaluateDue(job, organization, clock());
      } catch (error) {
        log({ level: 'error', message: 'services not evaluated', organization, error: describeError(error) });
        failures += 1;
        if (failures === MAX_FAILURES) break;
      }
    }
    const isLast = page.length < PAGE && visited === page.length;
    await job.finish(async (db) => {
      if (!isLast) await jobs.enqueue(db, 'evaluate-due', { after: page[visited - 1] ?? null });
    });
    if (!isLast) jobs.wake();
  };

/** Evaluates the due services of an organization, one batch in each transaction. */
export async function evaluateDue(job: Pick<Job, 'inOrganization'>, organizationId: string, now: Date): Promise<void> {
  const due = sql`${services.nextEvaluationAt} <= ${now.toISOString()}::timestamptz`;
  let after: string | null = null;
  do after = await job.inOrganization(organizationId, (db) => evaluatePage({ db, organizationId, now }, due, after));
  while (after !== null);
}
