import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Request, sendOne } from './load.ts';
import type { Server } from './server.ts';

/** Milliseconds between two requests of the probe. */
const EVERY = 5;

export interface Blocked {
  /** The longest block of the event loop in milliseconds, measured in the server. Requires `LOOP_PROBE`. */
  longest: number;
  /** The longest latency of the other requests in milliseconds. */
  worst: number;
}

export const LOOP_PROBE = ['--import', './bench/peers/loop-probe.ts'];

/** Runs `work` while other requests are sent in turn. Measures their latency, and how long the event loop was blocked. */
export async function blockedBy(server: Server, request: Request, work: () => Promise<void>): Promise<Blocked> {
  await longestBlock(server);
  let worst = 0;
  let isRunning = true;
  const probing = (async () => {
    while (isRunning) {
      const from = performance.now();
      // A request that fails after a long time shows a long block too.
      await sendOne(server, request).catch(() => undefined);
      worst = Math.max(worst, performance.now() - from);
      await sleep(EVERY);
    }
  })();
  await work().finally(() => {
    isRunning = false;
  });
  await probing;
  return { longest: await longestBlock(server), worst };
}

/** The longest block since the last call. */
async function longestBlock({ process: child }: Server): Promise<number> {
  child.send('loop');
  const [{ longest }] = await once(child, 'message');
  return longest;
}
