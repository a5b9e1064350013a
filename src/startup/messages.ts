import type { Measurements } from '../http/metrics/metrics.ts';

/** A message from the primary process to a worker. */
export type ToWorker =
  /** Listen, and answer that the server is starting. */
  | { kind: 'listen' }
  /** Answer that the server waits for this. */
  | { kind: 'wait'; what: string }
  /** Serve requests. A worker that does not listen yet begins to. */
  | { kind: 'serve'; port: number; databaseUrl: string; hasDemo: boolean }
  /** Answer with the metrics of this process. */
  | { kind: 'measure'; id: number }
  /** The text of the scrape that the worker asked for. */
  | { kind: 'scraped'; id: number; text: string };

/** A message from a worker to the primary process. */
export type FromWorker =
  | { kind: 'listening'; port: number }
  | { kind: 'serving' }
  | { kind: 'measured'; id: number; measurements: Measurements }
  /** Collect the metrics of all workers. */
  | { kind: 'scrape'; id: number }
  /** The worker ends because of this error. */
  | { kind: 'failed'; message: string };

/** The environment variable with the number of a worker. Only the primary process sets it. */
export const WORKER_NUMBER = 'AMBIT_WORKER';
