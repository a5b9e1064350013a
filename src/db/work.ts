import { type AmbitError, unavailable } from '../lib/errors.ts';
import type { RequestTracer } from '../lib/tracing.ts';
import type { Connection } from './connection.ts';

/** State of the database work of one request. */
export interface Work {
  /** Number of statements sent, without COMMIT and ROLLBACK. */
  statements: number;
  /** Milliseconds spent waiting for a connection. */
  waitedMs: number;
  /** Whether a COMMIT was sent that was not rolled back, so that a change may have been made. */
  hasSentCommit: boolean;
  /** The error for further statements. Undefined unless the work was stopped. */
  stopped: AmbitError | undefined;
  /** The connection of the last transaction. */
  connection: Connection | undefined;
  /** Records the statements. Undefined unless the request is traced. */
  tracer: RequestTracer | undefined;
  /** Whether the client has disconnected, so that no response is needed. */
  isClientDisconnected: boolean;
  /** Callbacks for when the work is stopped. */
  readonly onStop: Set<() => void>;
}

export const newWork = (): Work => ({
  statements: 0,
  waitedMs: 0,
  hasSentCommit: false,
  stopped: undefined,
  connection: undefined,
  tracer: undefined,
  isClientDisconnected: false,
  onStop: new Set(),
});

/** Stops waiting for a connection and cancels the running statement. */
export function stopWork(work: Work, reason: AmbitError): void {
  if (work.stopped) return;
  work.stopped = reason;
  for (const react of work.onStop) react();
  work.onStop.clear();
}

const ENDED = unavailable('The request has ended.');

/** A signal that is aborted when the work is stopped, for what is not a statement. */
export function signalOf(work: Work): AbortSignal {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(work.stopped);
  if (work.stopped) stop();
  else work.onStop.add(stop);
  return stopping.signal;
}

/** Prevents further statements after the response was sent. A transaction that is opened later would never be ended. */
export function endWork(work: Work): void {
  work.stopped ??= ENDED;
}
