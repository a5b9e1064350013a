import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../../db/client.ts';
import { queryRows } from '../../db/reader.ts';
import type { Job } from '../../jobs/job.ts';
import { deleteEndedSecrets, deleteEndedTokens, endedSecrets, endedTokens } from '../api-token/clean-up.ts';
import { deleteEndedResults, endedResults, KEPT_DAYS as KEPT_RESULT_DAYS } from '../check-result/clean-up.ts';
import { deleteEndedHistory, endedHistory, KEPT_DAYS as HISTORY_DAYS } from '../evaluation/history.ts';
import { EVENT_LIMITS } from '../integration/limits.ts';
import { deleteEndedKeys, endedKeys } from '../integration/trim.ts';
import { deleteEndedInvitations, endedInvitations } from '../invitation/clean-up.ts';
import { deleteEndedRequestCounts, endedRequestCounts } from '../plan/clean-up.ts';
import { KEPT_DAYS } from '../plan/request-counts.ts';
import { endedRoles, replaceEndedRoles } from '../principal/clean-up.ts';

/** Maximum number of rows that one transaction changes. */
export const BATCH = 500;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Step {
  /** Milliseconds for which the rows are kept after they have expired. */
  keptFor: number;
  find: (organizationId: string, before: Date) => SQL;
  /** Deletes or replaces at most `limit` of them, and returns their number. */
  apply: (db: Db, organizationId: string, before: Date, limit: number) => Promise<number>;
}

/** The deletions in an organization. They change nobody's access, because the rows have expired. */
const STEPS: readonly Step[] = [
  { keptFor: 30 * DAY, find: endedInvitations, apply: deleteEndedInvitations },
  { keptFor: 30 * DAY, find: endedRoles, apply: replaceEndedRoles },
  { keptFor: HOUR, find: endedSecrets, apply: deleteEndedSecrets },
  { keptFor: 30 * DAY, find: endedTokens, apply: deleteEndedTokens },
  { keptFor: KEPT_RESULT_DAYS * DAY, find: endedResults, apply: deleteEndedResults },
  { keptFor: KEPT_DAYS * DAY, find: endedRequestCounts, apply: deleteEndedRequestCounts },
  { keptFor: HISTORY_DAYS * DAY, find: endedHistory, apply: deleteEndedHistory },
  { keptFor: EVENT_LIMITS.keyHours * HOUR, find: endedKeys, apply: deleteEndedKeys },
];

/** Removes expired rows of the organization. Returns the number of changed rows. */
export async function cleanOrganization(job: Job, organizationId: string, now: Date): Promise<number> {
  const before = ({ keptFor }: Step): Date => new Date(now.getTime() - keptFor);
  const due = sql.join(
    STEPS.map((step) => sql`exists (${step.find(organizationId, before(step))})`),
    sql` or `,
  );
  const find = (db: Db) => queryRows<{ due: boolean }>(db, sql`select ${due} as due`);
  const [found] = await job.inOrganization(organizationId, find);
  if (!found?.due) return 0;
  let changed = 0;
  for (const step of STEPS)
    changed += await inBatches(() =>
      job.inOrganization(organizationId, (db) => step.apply(db, organizationId, before(step), BATCH)),
    );
  return changed;
}

/** Repeats a deletion until it deletes nothing. A token can be deleted after all tokens that were created with it. */
export async function inBatches(apply: () => Promise<number>): Promise<number> {
  let total = 0;
  for (let changed = await apply(); changed > 0; changed = await apply()) total += changed;
  return total;
}
