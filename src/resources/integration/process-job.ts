import type { JobDependencies } from '../../context.ts';
import type { JobHandler } from '../../jobs/job.ts';
import type { Scope } from '../evaluation/scope.ts';
import { processDeploys } from './deploy.ts';
import { awaitStoring, endEvents, readQueued } from './events.ts';
import { trimEvents } from './trim.ts';

/** Maximum number of events that one transaction processes. */
const BATCH = 100;

/** Processes the queued events of an organization. */
export const createProcessEvents =
  ({ clock }: JobDependencies): JobHandler<'process-events'> =>
  async (job) => {
    const { organizationId } = job.payload;
    await job.transaction((db) => awaitStoring(db, organizationId));
    let processed: number;
    do processed = await job.transaction((db) => processNext({ db, organizationId, now: clock() }));
    while (processed > 0);
  };

/** Processes the oldest queued events. Returns their number. */
async function processNext(scope: Scope): Promise<number> {
  const { db, organizationId, now } = scope;
  const events = await readQueued(db, organizationId, BATCH);
  await processDeploys(
    scope,
    events.filter(({ type }) => type === 'DEPLOY'),
  );
  const others = events.filter(({ type }) => type === 'CUSTOM_EVENT').map(({ id }) => id);
  await endEvents(db, organizationId, others, { error: null, now });
  for (const integrationId of new Set(events.map((event) => event.integrationId)))
    await trimEvents(db, organizationId, integrationId);
  return events.length;
}
