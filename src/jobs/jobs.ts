import type { PgBoss } from 'pg-boss';
import type { Sql } from 'postgres';
import { clientOf, type Db } from '../db/client.ts';
import { type JobExecutor, jobExecutor } from '../db/job-executor.ts';
import type { Pool } from '../db/pool.ts';
import { JOB_SCHEMA, JOBS, type JobName, type JobPayload } from '../lib/jobs.ts';
import { lazily } from '../lib/lazy.ts';
import { countJobs, type FailedJob, type JobCounts, listFailedJobs, listOrganizationsWithJob } from './status.ts';
import { useTwoPhaseCommit } from './two-phase.ts';

export interface EnqueueOptions {
  /** At most one job of this name is created in each period of so many seconds, by all processes together. */
  oncePer?: number;
  /** No job is created while one with this key has not started. For queues with the policy `short`. */
  key?: string;
}

export interface SentJob {
  /** Resolves when the statement was sent, or has failed before. */
  readonly sent: Promise<unknown>;
  /** What `enqueue` returns. */
  readonly id: Promise<string | null>;
}

export interface Jobs {
  /**
   * Adds a job with the connection of the transaction. If the transaction is rolled back, the job never existed. Returns its
   * id, or null if `oncePer` or `key` allows no other job.
   */
  enqueue<Name extends JobName>(
    db: Db,
    name: Name,
    payload: JobPayload<Name>,
    options?: EnqueueOptions,
  ): Promise<string | null>;
  /** The same, for a caller that sends other statements without waiting for the response. */
  send<Name extends JobName>(db: Db, name: Name, payload: JobPayload<Name>, options?: EnqueueOptions): SentJob;
  /** Makes the worker of this process look for jobs now. Otherwise a job starts at the next poll, within a second. */
  wake(): void;
  counts(): Promise<JobCounts[]>;
  /** The organizations with a job of this name that is queued, running or retried later. */
  organizationsWith(db: Db, name: JobName): Promise<ReadonlySet<string>>;
  /** The newest jobs that have failed and are not retried. */
  failed(limit: number): Promise<FailedJob[]>;
  /** Calls `react` at each `wake`. Returns a function that removes the listener. */
  onWake(react: () => void): () => void;
}

/** The ID of no job. */
const NO_JOB = '00000000-0000-0000-0000-000000000000';

/** pg-boss without its own connections and timers. Loaded at the first use, because it takes time to load. */
export async function openBoss(db: JobExecutor): Promise<PgBoss> {
  const { PgBoss } = await import('pg-boss');
  const boss = new PgBoss({
    db,
    schema: JOB_SCHEMA,
    migrate: false,
    createSchema: false,
    schedule: false,
    supervise: false,
    // Both need the owner of the tables.
    reindex: false,
    monitorVacuum: false,
    monitorIntervalSeconds: 10,
    maintenanceIntervalSeconds: 600,
  });
  // Without a listener, an event would end the process. Errors of calls also reject their promises.
  boss.on('error', () => undefined);
  return boss;
}

export function createJobs(pool: Pool): Jobs {
  const listeners = new Set<() => void>();
  const boss = lazily(() => openBoss(jobExecutor(pool.sql.unsafe)));
  /** The queues whose settings `boss` has read or is reading. */
  const queues = new Map<JobName, { isKnown: boolean }>();

  async function learn(name: JobName): Promise<void> {
    const queue = { isKnown: false };
    queues.set(name, queue);
    try {
      await (await boss()).findJobs(name, { id: NO_JOB });
      queue.isKnown = true;
    } catch {
      queues.delete(name);
    }
  }

  /**
   * pg-boss reads the settings of a queue once. A transaction must not wait for a second connection, because all connections
   * can belong to transactions that wait. So until `boss` knows the settings, they are read with the connection of the job.
   */
  async function bossFor(name: JobName, db: Db): Promise<PgBoss> {
    if (queues.get(name)?.isKnown) return await boss();
    if (!queues.has(name)) void learn(name);
    return await openBoss(jobExecutor(clientOf(db).unsafe as Sql['unsafe']));
  }

  async function insert(db: Db, executor: JobExecutor, name: JobName, data: object, given: EnqueueOptions = {}) {
    const { oncePer, key } = given;
    const options = { db: executor, ...(oncePer && { singletonSeconds: oncePer }), ...(key && { singletonKey: key }) };
    return await (await bossFor(name, db)).send(name, data, options);
  }
  const jobs: Pick<Jobs, 'enqueue' | 'send'> = {
    enqueue: async (db, name, payload, options) => await jobs.send(db, name, payload, options).id,
    send(db, name, payload, options) {
      const data = JOBS[name].payload.parse(payload);
      const twoPhase = useTwoPhaseCommit(pool, db);
      const { promise, resolve } = Promise.withResolvers<void>();
      const executor = jobExecutor(clientOf(db).unsafe as Sql['unsafe'], { onSent: resolve });
      const inserted = insert(db, executor, name, data, options);
      const id = Promise.all([twoPhase, inserted]).then(([, own]) => own);
      return { sent: Promise.race([promise, id.catch(() => undefined)]), id };
    },
  };
  return {
    ...jobs,
    counts: () => countJobs(pool),
    organizationsWith: listOrganizationsWithJob,
    failed: (limit) => listFailedJobs(pool, limit),
    wake() {
      for (const react of listeners) react();
    },
    onWake(react) {
      listeners.add(react);
      return () => listeners.delete(react);
    },
  };
}
