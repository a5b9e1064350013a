import { type SQL, sql } from 'drizzle-orm';
import type { JobDependencies } from '../../context.ts';
import { listDueOrganizationsAcrossTenants } from '../../identity/across-tenants.ts';
import type { Job, JobHandler } from '../../jobs/job.ts';
import { serviceMissingChecks, services } from '../service/table.ts';
import { evaluatePage } from './job.ts';
import { recordNumbers } from './record.ts';
import type { Scope } from './scope.ts';
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

/** Evaluates the due services of an organization. */
export const evaluateDue = (job: Bound, organizationId: string, now: Date): Promise<void> =>
  evaluateWhere(job, { organizationId, now }, sql`${services.nextEvaluationAt} <= ${now.toISOString()}::timestamptz`);

/**
 * Stores how many services have each level and pass campaigns, so that reports can show it by day. First evaluates the services
 * whose missing checks were never stored. After an upgrade, these are all services that earlier versions have evaluated.
 */
export const createRecordMaturity =
  (dependencies: JobDependencies): JobHandler<'record-maturity'> =>
  (job) =>
    visitOrganizations('record-maturity', job, dependencies, {
      visit: async (organizationId) => {
        const now = dependencies.clock();
        await evaluateWhere(job, { organizationId, now }, isWithoutMissingChecks(organizationId));
        await job.inOrganization(organizationId, (db) => recordNumbers({ db, organizationId, now }));
      },
    });

const isWithoutMissingChecks = (organizationId: string): SQL => {
  const { organizationId: own, serviceId } = serviceMissingChecks;
  return sql`not exists (select 1 from ${serviceMissingChecks} where ${own} = ${organizationId} and ${serviceId} = ${services.id})`;
};

type Bound = Pick<Job, 'inOrganization'>;

/** Evaluates the services that meet the condition, one batch in each transaction. */
async function evaluateWhere(job: Bound, { organizationId, now }: Omit<Scope, 'db'>, which: SQL): Promise<void> {
  let after: string | null = null;
  do after = await job.inOrganization(organizationId, (db) => evaluatePage({ db, organizationId, now }, which, after));
  while (after !== null);
}
