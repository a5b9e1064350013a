import { sql } from 'drizzle-orm';
import type { JobDependencies } from '../../context.ts';
import { listDueOrganizationsAcrossTenants } from '../../identity/across-tenants.ts';
import type { Job, JobHandler } from '../../jobs/job.ts';
import { services } from '../service/table.ts';
import { evaluatePage } from './job.ts';
import { recordNumbers } from './record.ts';
import { visitOrganizations } from './visit-organizations.ts';

/** Evaluates services whose results change because time has passed. */
export const createEvaluateDue =
  (dependencies: JobDependencies): JobHandler<'evaluate-due'> =>
  (job) =>
    visitOrganizations('evaluate-due', job, dependencies, {
      // Every minute, a transaction for each organization would be too much.
      select: (db, organizations) => listDueOrganizationsAcrossTenants(db, organizations, dependencies.clock()),
      visit: (organizationId) => evaluateDue(job, organizationId, dependencies.clock()),
    });

/** Evaluates the due services of an organization, one batch in each transaction. */
export async function evaluateDue(job: Pick<Job, 'inOrganization'>, organizationId: string, now: Date): Promise<void> {
  const due = sql`${services.nextEvaluationAt} <= ${now.toISOString()}::timestamptz`;
  let after: string | null = null;
  do after = await job.inOrganization(organizationId, (db) => evaluatePage({ db, organizationId, now }, due, after));
  while (after !== null);
}

/** Stores how many services have each level and pass campaigns, so that reports can show it by day. */
export const createRecordMaturity =
  (dependencies: JobDependencies): JobHandler<'record-maturity'> =>
  (job) =>
    visitOrganizations('record-maturity', job, dependencies, {
      visit: (organizationId) =>
        job.inOrganization(organizationId, (db) => recordNumbers({ db, organizationId, now: dependencies.clock() })),
    });
