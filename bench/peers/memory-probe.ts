/** Preloaded into a process. Reports its memory on the IPC channel: `memory` after a garbage collection, `rss` as it is. Requires `--expose-gc`. */
process.on('message', (message) => {
  if (message === 'rss') process.send?.({ rss: process.memoryUsage.rss() });
  if (message !== 'memory') return;
  const { rss: before } = process.memoryUsage();
  for (let time = 0; time < 3; time += 1) globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ before, rss, heapUsed });
});
// The channel must not keep the process running.
process.channel?.unref();
