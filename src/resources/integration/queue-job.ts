import type { JobDependencies } from '../../context.ts';
import { listOrganizationsWithQueuedEventsAcrossTenants } from '../../identity/across-tenants.ts';
import type { JobHandler } from '../../jobs/job.ts';
import { visitOrganizations } from '../evaluation/visit-organizations.ts';

/**
 * Adds a job for the queued events of organizations that have none. Each stored event has a job, but a job that has failed
 * after its last retry leaves its events queued, and the organization may never get another event.
 */
export const createQueueEvents =
  (dependencies: JobDependencies): JobHandler<'queue-events'> =>
  async (job) => {
    const { jobs } = dependencies;
    await visitOrganizations('queue-events', job, dependencies, {
      select: async (db, organizations) => {
        // Events that are stored after this query have a job of their own.
        const queued = await listOrganizationsWithQueuedEventsAcrossTenants(db, organizations);
        const active = await jobs.organizationsWith(db, 'process-events');
        return queued.filter((id) => !active.has(id));
      },
      visit: async (organizationId) => {
        await job.transaction((db) => jobs.enqueue(db, 'process-events', { organizationId }, { key: organizationId }));
      },
    });
    jobs.wake();
  };
