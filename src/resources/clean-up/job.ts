import { sql } from 'drizzle-orm';
import type { JobDependencies } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import {
  listOrganizationsAcrossTenants,
  listUsersWithExpiredSessionsAcrossTenants,
} from '../../identity/across-tenants.ts';
import { rateLimits } from '../../identity/table.ts';
import type { Job, JobHandler } from '../../jobs/job.ts';
import { describeError } from '../../lib/log.ts';
import { sessions } from '../session/table.ts';
import { BATCH, cleanOrganization, inBatches } from './organization.ts';

/** Maximum number of organizations of one job. Another job continues after them. */
const PAGE = 200;
/** Failures after which the remaining organizations are left to another job. In a cluster, a worker may be down. */
const MAX_FAILURES = 5;

/**
 * Deletes expired rows. The tables of the instance come first. Then the rows of each organization are deleted in transactions
 * that are bound to it.
 */
export const createCleanUp =
  ({ jobs, clock, log }: JobDependencies): JobHandler<'clean-up'> =>
  async (job) => {
    const { after } = job.payload;
    if (after === null) await cleanInstance(job, clock());
    const page = await job.transaction((db) => listOrganizationsAcrossTenants(db, after, PAGE));
    let [visited, changed, failures] = [0, 0, 0];
    for (const organization of page) {
      job.signal.throwIfAborted();
      visited += 1;
      try {
        changed += await cleanOrganization(job, organization, clock());
      } catch (error) {
        log({ level: 'error', message: 'organization not cleaned up', organization, error: describeError(error) });
        failures += 1;
        if (failures === MAX_FAILURES) break;
      }
    }
    log({ level: 'debug', message: 'expired rows removed', organizations: visited, changed });
    const isLast = page.length < PAGE && visited === page.length;
    await job.finish(async (db) => {
      if (!isLast) await jobs.enqueue(db, 'clean-up', { after: page[visited - 1] ?? null });
    });
    if (!isLast) jobs.wake();
  };

async function cleanInstance(job: Job, now: Date): Promise<void> {
  await inBatches(() => deleteExpiredSessions(job));
  await inBatches(() => job.transaction((db) => deleteEndedLimits(db, now)));
}

/** Deletes the expired sessions of some users, with their refresh tokens. Returns the number of these users. */
async function deleteExpiredSessions(job: Job): Promise<number> {
  const users = await job.transaction((db) => listUsersWithExpiredSessionsAcrossTenants(db, BATCH));
  // Row-level security lets the transaction of a user delete only their own sessions.
  for (const user of users)
    await job.forUser(user, (db) =>
      queryRows(
        db,
        sql`delete from ${sessions} where ${sessions.userId} = ${user}
          and ${sessions.expiresAt} < now() - interval '1 hour' returning ${sessions.id}`,
      ),
    );
  return users.length;
}

/** Deletes counters of rate limits whose period has ended. */
const deleteEndedLimits = async (db: Db, now: Date): Promise<number> =>
  (
    await queryRows(
      db,
      sql`delete from ${rateLimits} where ${rateLimits.key} in (
        select ${rateLimits.key} from ${rateLimits} where ${rateLimits.expire} < ${now.getTime()} limit ${BATCH})
      returning ${rateLimits.key}`,
    )
  ).length;
