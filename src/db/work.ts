import type { AmbitError } from '../errors.ts';

/** What the database does for one request, and whether it must stop. */
export interface Work {
  /** Statements sent, COMMIT and ROLLBACK not counted. */
  statements: number;
  /** Milliseconds spent waiting for a connection. */
  waitedMs: number;
  /** A COMMIT was sent, so a change may have been made. */
  hasSentCommit: boolean;
  /** Why nothing more is sent. */
  stopped: AmbitError | undefined;
  /** The client has disconnected, so nobody reads the response. */
  isAbandoned: boolean;
  /** What to do when the work is stopped. */
  readonly onStop: Set<() => void>;
}

export const newWork = (): Work => ({
  statements: 0,
  waitedMs: 0,
  hasSentCommit: false,
  stopped: undefined,
  isAbandoned: false,
  onStop: new Set(),
});

/** Drops what waits for a connection and cancels the running statement. */
export function stopWork(work: Work, reason: AmbitError): void {
  if (work.stopped) return;
  work.stopped = reason;
  for (const react of work.onStop) react();
  work.onStop.clear();
}
