import type { JobDependencies } from '../../context.ts';
import { listOrganizationsAcrossTenants } from '../../identity/across-tenants.ts';
import type { Job } from '../../jobs/job.ts';
import { describeError } from '../../lib/log.ts';

/** Maximum number of organizations of one job. Another job continues after them. */
const PAGE = 200;
/** Failures after which the remaining organizations are left to another job. In a cluster, a worker may be down. */
const MAX_FAILURES = 5;

type Visiting = 'evaluate-due' | 'record-maturity';

/** Calls `visit` for the organizations after the one of the payload, and adds a job that continues after them. */
export async function visitOrganizations<Name extends Visiting>(
  name: Name,
  job: Job<Name>,
  { jobs, log }: Pick<JobDependencies, 'jobs' | 'log'>,
  visit: (organizationId: string) => Promise<void>,
): Promise<void> {
  const { after } = job.payload;
  const page = await job.transaction((db) => listOrganizationsAcrossTenants(db, after, PAGE));
  let [visited, failures] = [0, 0];
  for (const organization of page) {
    job.signal.throwIfAborted();
    visited += 1;
    try {
      await visit(organization);
    } catch (error) {
      log({ level: 'error', message: `${name} failed in an organization`, organization, error: describeError(error) });
      failures += 1;
      if (failures === MAX_FAILURES) break;
    }
  }
  const isLast = page.length < PAGE && visited === page.length;
  await job.finish(async (db) => {
    if (!isLast) await jobs.enqueue(db, name, { after: page[visited - 1] ?? null } as never);
  });
  if (!isLast) jobs.wake();
}
