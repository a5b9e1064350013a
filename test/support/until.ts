import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds after which `until` fails. */
const TIMEOUT = 60_000;

/** Polls until the condition is true. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`the condition did not become true: ${condition}`);
    await sleep(10);
  }
}
