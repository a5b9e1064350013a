import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds after which what did not come about counts as missing. */
const PATIENCE = 30_000;

/** Waits until this is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`still not so: ${isSo}`);
    await sleep(10);
  }
}
