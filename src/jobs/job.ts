import type { Db } from '../db/client.ts';
import type { JobName, JobPayload } from '../lib/jobs.ts';

/** A running job. */
export interface Job<Name extends JobName = JobName> {
  readonly id: string;
  readonly payload: JobPayload<Name>;
  /** 1 for the first run. */
  readonly attempt: number;
  /** Whether the job stays failed if this run fails. */
  readonly isLastAttempt: boolean;
  /** Aborted when the job expires, when another process has taken it over, and when this process stops. */
  readonly signal: AbortSignal;
  /**
   * Calls `run` in a transaction that is bound to the organization of the payload (`organizationId`) before its first query.
   * Without one, the transaction sees only tables of the instance.
   */
  transaction<T>(run: (db: Db) => Promise<T>): Promise<T>;
  /** The same for another organization. Only for jobs whose payload names none. */
  inOrganization<T>(organizationId: string, run: (db: Db) => Promise<T>): Promise<T>;
  /** The same for a user without an organization. */
  forUser<T>(userId: string, run: (db: Db) => Promise<T>): Promise<T>;
  /**
   * The same as `transaction`, and completes the job in it: both are committed, or neither. If another process has taken the
   * job over, the transaction is rolled back. So its changes are made exactly once.
   */
  finish<T>(run: (db: Db) => Promise<T>): Promise<T>;
}

/** Runs a job. An error means that the job has failed. Effects outside of the database must be safe to repeat. */
export type JobHandler<Name extends JobName> = (job: Job<Name>) => Promise<void>;

export type JobHandlers = { readonly [Name in JobName]: JobHandler<Name> };
