import type { Db } from '../db/client.ts';
import type { JobName, JobPayload } from '../lib/jobs.ts';

/** A running job. */
export interface Job<Name extends JobName = JobName> {
  readonly id: string;
  readonly payload: JobPayload<Name>;
  /** 1 for the first run. */
  readonly attempt: number;
  /** Whether the job is not retried if this run fails. */
  readonly isLastAttempt: boolean;
  /** Aborted when the job expires, when another process has taken it over, and when this process stops. */
  readonly signal: AbortSignal;
  /**
   * Calls `run` in a transaction that is bound to the organization of the payload (`organizationId`) before its first query.
   * Without `organizationId`, the transaction sees only tables of the instance.
   */
  transaction<T>(run: (db: Db) => Promise<T>): Promise<T>;
  /** Like `transaction`, for this organization. Only for jobs whose payload has no `organizationId`. */
  inOrganization<T>(organizationId: string, run: (db: Db) => Promise<T>): Promise<T>;
  /** Like `transaction`, bound to this user and to no organization. */
  forUser<T>(userId: string, run: (db: Db) => Promise<T>): Promise<T>;
  /**
   * Like `transaction`, and completes the job in the same transaction: both are committed, or neither. If another process has
   * taken the job over, the transaction is rolled back. So its changes are committed exactly once.
   */
  finish<T>(run: (db: Db) => Promise<T>): Promise<T>;
}

/** Runs a job. An error means that the job has failed. Effects outside of the database must be safe to repeat. */
export type JobHandler<Name extends JobName> = (job: Job<Name>) => Promise<void>;

export type JobHandlers = { readonly [Name in JobName]: JobHandler<Name> };
