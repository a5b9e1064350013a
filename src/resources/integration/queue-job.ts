import type { JobDependencies } from '../../context.ts';
import { listOrganizationsWithQueuedEventsAcrossTenants } from '../../identity/across-tenants.ts';
import type { JobHandler } from '../../jobs/job.ts';
import { visitOrganizations } from '../evaluation/visit-organizations.ts';

/**
 * Adds a job for each organization that has queued events but no job. Storing an event adds a job. If that job fails after its
 * last retry, its events remain queued, and the organization may never receive another event.
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
