import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from './server.ts';

/** Restarts in a row after which the server is given up: about 20 seconds when each of them fails at once. */
const ATTEMPTS = 22;

/** Milliseconds before an attempt. One second at most, so that a fault which has passed costs no more. */
const delay = (attempts: number): number => Math.min(100 * 2 ** attempts, 1_000);

/** A server that ran for this long, in milliseconds, has recovered: the restarts before no longer count. */
const STABLE_AFTER = 10_000;

/**
 * Starts the server again whenever it ends, until the signal, which stops it. Resolves when it has stopped. Throws when
 * it cannot be restarted.
 */
export async function supervise(
  first: Server,
  start: () => Promise<Server>,
  signal: AbortSignal,
  log: (entry: Record<string, unknown>) => void,
): Promise<void> {
  const aborted = new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
  let server = first;
  let attempts = 0;
  while (!signal.aborted) {
    const since = performance.now();
    const how = await Promise.race([server.ended, aborted]);
    if (signal.aborted) break;
    if (performance.now() - since > STABLE_AFTER) attempts = 0;
    log({ level: 'error', message: `the embedded database ended (${how}) and is being restarted` });
    let reason: unknown = new Error(`it ended ${ATTEMPTS} times in a row, last with ${how}`);
    let next: Server | undefined;
    while (!next) {
      if (attempts >= ATTEMPTS) throw reason;
      await sleep(delay(attempts), undefined, { signal });
      attempts += 1;
      next = await start().catch((error: unknown) => {
        reason = error;
        return undefined;
      });
    }
    server = next;
    log({ level: 'info', message: 'the embedded database was restarted' });
  }
  await server.stop();
}
