import type { JobDependencies } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { listOrganizationsAcrossTenants } from '../../identity/across-tenants.ts';
import type { Job } from '../../jobs/job.ts';
import { describeError } from '../../lib/log.ts';

/** Maximum number of organizations of one job. Another job continues after them. */
const PAGE = 200;
/** Maximum number of organizations from which a job selects those that it visits. */
const SELECTED_PAGE = 2_000;
/** Failures after which the remaining organizations are left to another job. In a cluster, a worker may be down. */
const MAX_FAILURES = 5;

type Visiting = 'evaluate-due' | 'queue-events' | 'record-maturity';

interface Visit {
  /** Returns those of the organizations that are visited, in ascending order. By default, all are. */
  readonly select?: (db: Db, organizations: readonly string[]) => Promise<readonly string[]>;
  readonly visit: (organizationId: string) => Promise<void>;
}

/** Calls `visit` for the organizations after the one of the payload, and adds a job that continues after them. */
export async function visitOrganizations<Name extends Visiting>(
  name: Name,
  job: Job<Name>,
  { jobs, log }: Pick<JobDependencies, 'jobs' | 'log'>,
  { select, visit }: Visit,
): Promise<void> {
  const { after } = job.payload;
  const size = select ? SELECTED_PAGE : PAGE;
  const { page, selected } = await job.transaction(async (db) => {
    const ids = await listOrganizationsAcrossTenants(db, after, size);
    return { page: ids, selected: select && ids.length > 0 ? await select(db, ids) : ids };
  });
  let [visited, failures] = [0, 0];
  for (const organization of selected.slice(0, PAGE)) {
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
  const isComplete = visited === selected.length;
  const isLast = isComplete && page.length < size;
  const last = isComplete ? page.at(-1) : selected[visited - 1];
  await job.finish(async (db) => {
    if (!isLast) await jobs.enqueue(db, name, { after: last ?? null } as never);
  });
  if (!isLast) jobs.wake();
}
