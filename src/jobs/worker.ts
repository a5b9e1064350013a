import type { PgBoss } from 'pg-boss';
import type { Sql } from 'postgres';
import { clientOf } from '../db/client.ts';
import { jobExecutor, withoutTransaction } from '../db/job-executor.ts';
import type { Pool } from '../db/pool.ts';
import { inTransaction } from '../db/transaction.ts';
import { HEARTBEAT_SECONDS, JOB_NAMES, JOBS, type JobDefinition, type JobName } from '../lib/jobs.ts';
import { describeError, type Log, throttled } from '../lib/log.ts';
import { startInterval } from './interval.ts';
import type { JobHandlers } from './job.ts';
import { type Jobs, openBoss } from './jobs.ts';
import { type Claim, type Run, settledBy, startRun } from './run-job.ts';

export interface WorkerOptions {
  pool: Pool;
  jobs: Jobs;
  handlers: JobHandlers;
  log: Log;
}

/** Runs jobs in this process. Several processes share the jobs of one database. */
export interface JobWorker {
  /** Starts to look for jobs, every second and at each `jobs.wake()`. */
  start(): void;
  /** Runs the jobs that can start now, and resolves with their number when they have ended. */
  runOnce(): Promise<number>;
  /** Starts no more jobs, and resolves when the running ones have ended. After `graceMs` they are stopped, and retried. */
  stop(graceMs: number): Promise<void>;
}

/** Milliseconds between two polls. Doubled after each failure, up to the longest. */
const POLL = { normal: 1_000, longest: 10_000 };
/** Milliseconds between two checks for jobs of processes that have died. All processes together check once per period. */
const SUPERVISE = 10_000;
const HEARTBEAT = (HEARTBEAT_SECONDS * 1_000) / 4;
/** Milliseconds between two checks whether a regular job is due. */
const SCHEDULE = 60_000;
/** Minimum number of milliseconds between two log entries with the same message. */
const LOG_EVERY = 10_000;
/** Milliseconds that stopped jobs have to store their result. */
const REPORT = 1_000;

export async function createWorker(options: WorkerOptions): Promise<JobWorker> {
  const { pool, jobs } = options;
  const log = throttled(LOG_EVERY, options.log);
  const boss = await openBoss(executorOf(pool));
  const running = new Map<JobName, Set<Run>>(JOB_NAMES.map((name) => [name, new Set()]));
  const allRuns = (): Run[] => [...running.values()].flatMap((runs) => [...runs]);
  const endsOfRuns = (): Promise<void>[] => allRuns().map(({ ended }) => ended);
  let delay = POLL.normal;
  let isStopping = false;
  let isStarted = false;
  let polling: Promise<unknown> | undefined;
  /** Whether a job may have been added since the current poll began. */
  let isStale = false;
  let timer: NodeJS.Timeout | undefined;
  const intervals: (() => void)[] = [];

  /** Claims and starts the jobs that can start now. */
  async function claim(): Promise<Run[]> {
    const started: Run[] = [];
    for (const name of JOB_NAMES) {
      const runs = running.get(name) as Set<Run>;
      const free = JOBS[name].concurrency - runs.size;
      if (free <= 0 || isStopping) continue;
      const claims = (await boss.fetch(name, { batchSize: free })) as unknown as Claim[];
      for (const claim of claims) started.push(start(name, claim, runs));
    }
    return started;
  }

  function start(name: JobName, claim: Claim, runs: Set<Run>): Run {
    const run = startRun(name, claim, { ...options, boss });
    runs.add(run);
    void run.ended.then(() => {
      runs.delete(run);
      // More jobs of this kind may be queued.
      if (isStarted) poll();
    });
    return run;
  }

  function poll(): void {
    isStale = true;
    if (polling || isStopping) return;
    clearTimeout(timer);
    polling = claimAll().finally(() => {
      polling = undefined;
      if (!isStopping) timer = setTimeout(poll, delay).unref();
    });
  }

  async function claimAll(): Promise<void> {
    try {
      while (isStale && !isStopping) {
        isStale = false;
        await claim();
      }
      delay = POLL.normal;
    } catch (error) {
      delay = Math.min(2 * delay, POLL.longest);
      log({ level: 'error', message: 'jobs cannot be read', retryInMs: delay, error: describeError(error) });
    }
  }

  function every(milliseconds: number, message: string, work: () => Promise<unknown>): void {
    const onError = (error: unknown): void => log({ level: 'error', message, error: describeError(error) });
    intervals.push(startInterval(milliseconds, work, onError));
  }

  const unsubscribe = jobs.onWake(() => {
    if (isStarted) poll();
  });

  return {
    start() {
      isStarted = true;
      poll();
      every(SCHEDULE, 'jobs cannot be scheduled', () => schedule(options));
      every(SUPERVISE, 'jobs cannot be supervised', () => boss.supervise());
      every(HEARTBEAT, 'jobs cannot report', () => report(boss, running));
    },
    async runOnce() {
      const runs = await claim();
      await Promise.all(runs.map(({ ended }) => ended));
      return runs.length;
    },
    async stop(graceMs) {
      isStopping = true;
      unsubscribe();
      clearTimeout(timer);
      // A lost connection can delay the poll. Another process runs the jobs that it claims afterwards.
      await within(REPORT, [polling]);
      await within(graceMs, endsOfRuns());
      for (const run of allRuns()) run.stop('the process stops');
      await within(REPORT, endsOfRuns());
      for (const stop of intervals) stop();
    },
  };
}

/** Adds the regular jobs that are due. The database refuses a second one in the same period. */
async function schedule({ pool, jobs }: WorkerOptions): Promise<void> {
  const added = await inTransaction(pool, { organizationId: null, userId: null }, async (db) => {
    const ids: (string | null)[] = [];
    for (const name of JOB_NAMES) {
      const { schedule: regular } = JOBS[name] as JobDefinition;
      if (regular) ids.push(await jobs.enqueue(db, name, regular.payload as never, { oncePer: regular.every }));
    }
    return ids;
  });
  if (added.some((id) => id !== null)) jobs.wake();
}

/**
 * Reports that the running jobs are alive. A job that is no longer claimed by this process is stopped, because another
 * process runs it.
 */
async function report(boss: PgBoss, running: ReadonlyMap<JobName, ReadonlySet<Run>>): Promise<void> {
  for (const [name, runs] of running) {
    const reported = [...runs];
    if (reported.length === 0) continue;
    const claims = reported.map(({ claim }) => claim);
    const claimed = new Set(settledBy(await boss.touch(name, claims)));
    for (const run of reported) if (!claimed.has(run.claim.id)) run.stop('another process has taken the job over');
  }
}

/** Resolves when all promises have resolved, or after this time. */
async function within(milliseconds: number, promises: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const { promise: timeout, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([Promise.all(promises), timeout]);
  clearTimeout(timer);
}

/** Each script of pg-boss is one transaction on a connection of the pool, which replaces lost connections. */
const executorOf = (pool: Pool) =>
  jobExecutor((text, values, options) =>
    inTransaction(pool, { organizationId: null, userId: null }, async (db) =>
      (clientOf(db).unsafe as Sql['unsafe'])(withoutTransaction(text), values, options),
    ),
  );
