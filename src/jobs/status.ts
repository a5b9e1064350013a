import { sql } from 'drizzle-orm';
import type { Db } from '../db/client.ts';
import type { Pool } from '../db/pool.ts';
import { queryRows } from '../db/reader.ts';
import { JOB_NAMES, JOB_SCHEMA, type JobName } from '../lib/jobs.ts';

/** The numbers of jobs of one kind. */
export interface JobCounts {
  name: JobName;
  /** Jobs that have not started, including those that are retried later. */
  queued: number;
  active: number;
  /** Jobs that have failed and are not retried. */
  failed: number;
  /** Seconds since the oldest queued job could have started. Null if none is waiting. */
  waitingSeconds: number | null;
}

/** A job that has failed and is not retried. */
export interface FailedJob {
  id: string;
  name: string;
  /** The ids of the payload. */
  payload: unknown;
  attempts: number;
  createdAt: Date;
  failedAt: Date;
  message: string;
}

const TABLE = `${JOB_SCHEMA}.job_common`;

export async function countJobs(pool: Pick<Pool, 'sql'>): Promise<JobCounts[]> {
  const rows = await pool.sql.unsafe<JobCounts[]>(`
    select name, count(*) filter (where state < 'active')::int as queued,
      count(*) filter (where state = 'active')::int as active, count(*) filter (where state = 'failed')::int as failed,
      extract(epoch from now() - min(start_after) filter (where state < 'active' and start_after <= now()))::float8
        as "waitingSeconds"
    from ${TABLE} group by name`);
  const byName = new Map(rows.map((row) => [row.name, { ...row }]));
  return JOB_NAMES.map((name) => byName.get(name) ?? { name, queued: 0, active: 0, failed: 0, waitingSeconds: null });
}

/** The organizations with a job of this name that has not ended. */
export async function listOrganizationsWithJob(db: Db, name: JobName): Promise<ReadonlySet<string>> {
  const rows = await queryRows<{ id: string }>(
    db,
    sql`select distinct data ->> 'organizationId' as id from ${sql.raw(TABLE)}
      where name = ${name} and state < 'completed'`,
  );
  return new Set(rows.map(({ id }) => id));
}

/** The newest failed jobs. */
export async function listFailedJobs(pool: Pick<Pool, 'sql'>, limit: number): Promise<FailedJob[]> {
  const rows = await pool.sql.unsafe(
    `select id, name, data::text as payload, retry_count + 1 as attempts, output ->> 'message' as message,
       extract(epoch from created_on)::float8 as created, extract(epoch from completed_on)::float8 as failed
     from ${TABLE} where state = 'failed' order by completed_on desc limit $1`,
    [limit],
    { prepare: true },
  );
  return rows.map(({ id, name, payload, attempts, message, created, failed }) => ({
    id,
    name,
    payload: JSON.parse(payload),
    attempts,
    createdAt: new Date(created * 1_000),
    failedAt: new Date(failed * 1_000),
    message: message ?? '',
  }));
}
