import { z } from 'zod';

/**
 * A kind of background work. A payload contains ids only, because the tables of jobs have no row-level security and their
 * rows are shown to operators.
 */
export interface JobDefinition {
  description: string;
  payload: z.ZodType<object>;
  /** Maximum number of retries of a failed job. */
  retries: number;
  /** Seconds before the first retry. The delay about doubles with each further retry. */
  retryDelay: number;
  /** Maximum number of seconds between two retries. */
  retryDelayMax: number;
  /** Seconds after which a run is stopped and counts as failed. */
  expiry: number;
  /** Jobs of this kind that one process runs at the same time. */
  concurrency: number;
  /** For a job that runs regularly: the seconds between two runs, by all processes together, and its payload. */
  schedule?: { every: number; payload: object };
  /** Days after which a completed or failed job is deleted. */
  keepDays: number;
  /** The policy of the queue in pg-boss. `short`: at most one job that has not started for each `key`. Defaults to `standard`. */
  policy?: 'short';
}

const define = <Payload extends z.ZodType<object>>(
  definition: JobDefinition & { payload: Payload },
): JobDefinition & { payload: Payload } => definition;

/** Every kind of job. Adding one needs no migration: the next `migrate` creates its queue. */
export const JOBS = {
  'clean-up': define({
    description: 'Deletes what has expired. Runs every hour, for 200 organizations at a time.',
    payload: z.strictObject({ after: z.uuid().nullable() }),
    retries: 5,
    retryDelay: 5,
    retryDelayMax: 600,
    expiry: 900,
    concurrency: 1,
    schedule: { every: 3_600, payload: { after: null } },
    keepDays: 1,
  }),
  evaluate: define({
    description:
      'Evaluates services after a change of a check, a filter or another object that results depend on, 500 services in one transaction.',
    payload: z.strictObject({
      organizationId: z.uuid(),
      /** Null for all services of the organization. */
      serviceIds: z.array(z.uuid()).nullable(),
      /** Null for all checks. */
      checkIds: z.array(z.uuid()).nullable(),
    }),
    retries: 20,
    retryDelay: 1,
    retryDelayMax: 600,
    expiry: 900,
    concurrency: 1,
    keepDays: 1,
  }),
  'evaluate-due': define({
    description:
      'Evaluates the services with a result that has expired or a check that has become enabled. Runs every minute, for 200 organizations at a time.',
    payload: z.strictObject({ after: z.uuid().nullable() }),
    retries: 5,
    retryDelay: 1,
    retryDelayMax: 60,
    expiry: 900,
    concurrency: 1,
    schedule: { every: 60, payload: { after: null } },
    keepDays: 1,
  }),
  'process-events': define({
    description: 'Processes the events that integrations of an organization have received.',
    payload: z.strictObject({ organizationId: z.uuid() }),
    retries: 20,
    retryDelay: 1,
    retryDelayMax: 600,
    expiry: 900,
    concurrency: 2,
    keepDays: 1,
    policy: 'short',
  }),
  'queue-events': define({
    description:
      'Adds a job `process-events` for each organization that has queued events but no such job, which happens if the last one has failed. Runs every 5 minutes, for 200 organizations at a time.',
    payload: z.strictObject({ after: z.uuid().nullable() }),
    retries: 5,
    retryDelay: 1,
    retryDelayMax: 60,
    expiry: 900,
    concurrency: 1,
    schedule: { every: 300, payload: { after: null } },
    keepDays: 1,
  }),
  'record-maturity': define({
    description:
      'Stores how many services have each level as the numbers of the day. First evaluates the services that have not been evaluated since an upgrade. Runs every hour, for 200 organizations at a time.',
    payload: z.strictObject({ after: z.uuid().nullable() }),
    retries: 5,
    retryDelay: 5,
    retryDelayMax: 600,
    expiry: 900,
    concurrency: 1,
    schedule: { every: 3_600, payload: { after: null } },
    keepDays: 1,
  }),
  'send-campaign-reminder': define({
    description: 'Sends the reminder of a campaign to one address.',
    payload: z.strictObject({
      organizationId: z.uuid(),
      campaignId: z.uuid(),
      /** The contacts of teams with the address. */
      contactIds: z.array(z.uuid()),
      mailId: z.uuid(),
    }),
    // With these delays, a mail server can be unavailable for about three hours.
    retries: 12,
    retryDelay: 5,
    retryDelayMax: 3_600,
    expiry: 120,
    concurrency: 5,
    keepDays: 7,
  }),
  'send-invitation': define({
    description: 'Sends the mail of an invitation.',
    payload: z.strictObject({ organizationId: z.uuid(), invitationId: z.uuid(), mailId: z.uuid() }),
    // With these delays, a mail server can be unavailable for about a day.
    retries: 32,
    retryDelay: 5,
    retryDelayMax: 3_600,
    expiry: 120,
    concurrency: 5,
    keepDays: 7,
  }),
} as const;

export type JobName = keyof typeof JOBS;
export type JobPayload<Name extends JobName> = z.output<(typeof JOBS)[Name]['payload']>;

export const JOB_NAMES = Object.keys(JOBS) as JobName[];

/** Schema of the tables of pg-boss. */
export const JOB_SCHEMA = 'pgboss';

/**
 * Seconds without a heartbeat after which another process runs the jobs of a process. A process sends a heartbeat four times in
 * this period.
 */
export const HEARTBEAT_SECONDS = 60;

const DAY = 86_400;

/** The settings of a queue of pg-boss. */
export const queueOptions = (name: JobName) => {
  const { retries, retryDelay, retryDelayMax, expiry, keepDays } = JOBS[name];
  return {
    retryLimit: retries,
    retryDelay,
    retryDelayMax,
    retryBackoff: true,
    expireInSeconds: expiry,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    deleteAfterSeconds: keepDays * DAY,
    retentionSeconds: 14 * DAY,
  };
};

/** The policy of a queue. pg-boss cannot change it after the queue was created. */
export const policyOf = (name: JobName): 'standard' | 'short' => (JOBS[name] as JobDefinition).policy ?? 'standard';
