import { setImmediate } from 'node:timers/promises';

/** Milliseconds after which a long loop lets other requests run. */
const SLICE_MS = 8;

/** Calls `run` for each item. A loop over all members of a large organization would otherwise block the event loop. */
export async function forEachInSlices<Item>(items: Iterable<Item>, run: (item: Item) => void): Promise<void> {
  let end = performance.now() + SLICE_MS;
  for (const item of items) {
    run(item);
    if (performance.now() < end) continue;
    await setImmediate();
    end = performance.now() + SLICE_MS;
  }
}
