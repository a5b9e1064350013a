import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from './server.ts';

/** Maximum number of restarts in a row. They take about 20 seconds if each one fails immediately. */
const ATTEMPTS = 22;

/** Milliseconds before an attempt. At most one second, so that recovery is quick once the fault is over. */
const delay = (attempts: number): number => Math.min(100 * 2 ** attempts, 1_000);

/** Milliseconds after which a running server counts as recovered. The number of attempts is then reset. */
const STABLE_AFTER = 10_000;

/**
 * Restarts the server whenever it ends, until the signal is aborted. Then stops the server, and resolves. Throws when
 * the server cannot be restarted.
 */
export async function supervise(
  first: Server,
  start: () => Promise<Server>,
  signal: AbortSignal,
  log: (entry: Record<string, unknown>) => void,
): Promise<void> {
  const aborted = once(signal, 'abort');
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
