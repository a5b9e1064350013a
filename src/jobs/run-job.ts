import { setTimeout as sleep } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';
import type { Sql } from 'postgres';
import { clientOf, type Db } from '../db/client.ts';
import { jobExecutor } from '../db/job-executor.ts';
import type { Pool } from '../db/pool.ts';
import { type Binding, inTransaction } from '../db/transaction.ts';
import { newWork, stopWork } from '../db/work.ts';
import { unavailable } from '../lib/errors.ts';
import { JOBS, type JobName } from '../lib/jobs.ts';
import { describeError, type Log } from '../lib/log.ts';
import { failureOf } from './failure.ts';
import type { Job, JobHandler, JobHandlers } from './job.ts';
import { useTwoPhaseCommit } from './two-phase.ts';

/** A job as pg-boss returns it. The number of its retries identifies this run. */
export interface Claim {
  id: string;
  name: string;
  data: object;
  retryCount: number;
}

/** The ids of the jobs that a call of pg-boss has changed. Its types do not declare them. */
export const settledBy = (response: object): readonly string[] => (response as { settled?: string[] }).settled ?? [];

export interface Run {
  readonly claim: Claim;
  readonly ended: Promise<void>;
  /** Ends the run. The job fails, and is retried. */
  stop(reason: string): void;
}

export interface RunnerOptions {
  pool: Pool;
  boss: PgBoss;
  handlers: JobHandlers;
  log: Log;
}

/** Milliseconds before the second attempt to store a result. Doubled for each further attempt. */
const STORE_AGAIN = 100;
/** Maximum number of attempts. After the last one, another process runs the job when its heartbeat has expired. */
const STORE_ATTEMPTS = 9;

/** Starts a job. The promise `ended` is never rejected. */
export function startRun(name: JobName, claim: Claim, options: RunnerOptions): Run {
  const { boss, handlers, log } = options;
  const definition = JOBS[name];
  const startedAt = performance.now();
  const stopping = new AbortController();
  const stop = (reason: string): void => stopping.abort(new Error(reason));
  const expiry = setTimeout(stop, definition.expiry * 1_000, `stopped after ${definition.expiry} s`);
  const stopped = new Promise<never>((_, reject) => {
    stopping.signal.addEventListener('abort', () => reject(stopping.signal.reason));
  });
  stopped.catch(() => undefined);
  const entry = () => ({
    job: name,
    jobId: claim.id,
    attempt: claim.retryCount + 1,
    durationMs: Math.round(performance.now() - startedAt),
  });

  async function run(): Promise<void> {
    const isLastAttempt = claim.retryCount >= definition.retries;
    try {
      const { job, isFinished } = createJob(name, claim, isLastAttempt, stopping.signal, options);
      await Promise.race([(handlers[name] as JobHandler<JobName>)(job), stopped]);
      if (!isFinished()) await store(() => boss.complete(name, claim));
      log({ level: 'info', message: 'job completed', ...entry() });
    } catch (error) {
      const level = isLastAttempt ? 'error' : 'warn';
      log({ level, message: 'job failed', ...entry(), retry: !isLastAttempt, error: describeError(error) });
      // Without effect if the job was completed, or if another process has taken it over.
      await store(() => boss.fail(name, claim, failureOf(error)));
    }
  }

  const ended = run()
    .catch((error) =>
      log({ level: 'error', message: 'job result not stored', ...entry(), error: describeError(error) }),
    )
    .finally(() => {
      clearTimeout(expiry);
      stop('the job has ended');
    });
  return { claim, ended, stop };
}

/** Retries for some seconds, so that a failover of the database does not cause a second run of the job. */
async function store<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (attempt === STORE_ATTEMPTS) throw error;
      await sleep(STORE_AGAIN * 2 ** (attempt - 1));
    }
  }
}

function createJob(
  name: JobName,
  claim: Claim,
  isLastAttempt: boolean,
  signal: AbortSignal,
  { pool, boss }: RunnerOptions,
): { job: Job; isFinished: () => boolean } {
  let isFinished = false;
  const payload = JOBS[name].payload.parse(claim.data);
  const own: Binding = {
    organizationId: 'organizationId' in payload ? String(payload.organizationId) : null,
    userId: null,
  };
  const other = async <T>(binding: Binding, run: (db: Db) => Promise<T>): Promise<T> => {
    if (own.organizationId !== null) throw new Error('the job is bound to the organization of its payload');
    return await bound(binding, run);
  };
  const bound = async <T>(binding: Binding, run: (db: Db) => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const work = newWork();
    const stop = (): void => stopWork(work, unavailable('The job was stopped.'));
    signal.addEventListener('abort', stop);
    return await inTransaction(pool, binding, run, 'read write', work).finally(() =>
      signal.removeEventListener('abort', stop),
    );
  };
  const job: Job = {
    id: claim.id,
    payload,
    attempt: claim.retryCount + 1,
    isLastAttempt,
    signal,
    transaction: (run) => bound(own, run),
    inOrganization: (organizationId, run) => other({ organizationId, userId: null }, run),
    forUser: (userId, run) => other({ organizationId: null, userId }, run),
    async finish(run) {
      const result = await bound(own, async (db) => {
        const value = await run(db);
        await useTwoPhaseCommit(pool, db);
        const executor = jobExecutor(clientOf(db).unsafe as Sql['unsafe']);
        const settled = settledBy(await boss.complete(name, claim, undefined, { db: executor }));
        if (!settled.includes(claim.id)) throw new Error('another process has taken the job over');
        return value;
      });
      isFinished = true;
      return result;
    },
  };
  return { job, isFinished: () => isFinished };
}
