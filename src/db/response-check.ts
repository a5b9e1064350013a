import type { Connection } from './connection.ts';

/** Milliseconds that a lookup or the test of an idle connection may take. */
const SHORT_TIMEOUT = 5_000;
/** Milliseconds after which an idle connection is tested. */
const TEST_IDLE_AFTER = 15_000;

/** A connection, and what its statements are. */
export interface Watched {
  readonly connection: Connection;
  /** Whether it runs only lookups and tests, which take little time. */
  readonly isShort: boolean;
  /** Whether its statements can wait for a worker of a Citus cluster. */
  readonly usesWorker: boolean;
}

/**
 * The server cancels a statement before `responseTimeoutMs`, so a connection without any data for longer is dead.
 * Every connection that has received nothing since then is dead as well. But a statement that waits for a worker says
 * nothing about the other connections. The returned function must be called every `interval` milliseconds. It closes dead
 * connections, tests idle ones, and returns whether it has closed one that uses a worker.
 */
export function createResponseCheck(
  interval: number,
  responseTimeoutMs: number,
): (now: number, all: readonly Watched[]) => boolean {
  let checkedAt = performance.now();
  return (now, all) => {
    const isLate = now - checkedAt > 4 * interval;
    checkedAt = now;
    // The event loop was blocked. What has arrived in the meantime is not read yet.
    if (isLate) return false;
    let deadSince = 0;
    let hasClosed = false;
    for (const { connection, isShort, usesWorker } of all) {
      const { lastByteAt, waitingSince } = connection.activity();
      const limit = isShort ? Math.min(SHORT_TIMEOUT, responseTimeoutMs) : responseTimeoutMs;
      const isDead = now - waitingSince > limit;
      if (isDead && usesWorker) {
        connection.destroy('UNRESPONSIVE');
        hasClosed = true;
      } else if (isDead) deadSince = Math.max(deadSince, waitingSince);
      else if (isShort && connection.pending === 0 && now - lastByteAt > TEST_IDLE_AFTER) connection.probe();
    }
    if (deadSince > 0) closeSilent(all, deadSince + interval);
    return hasClosed;
  };
}

/** Closes the connections that have received nothing since this time. */
function closeSilent(all: readonly Watched[], since: number): void {
  for (const { connection } of all) if (connection.activity().lastByteAt <= since) connection.destroy('UNRESPONSIVE');
}
