/** Preloaded into a process. Reports its memory on the IPC channel. Requires `--expose-gc`. */
process.on('message', (message) => {
  if (message !== 'memory') return;
  const { rss: before } = process.memoryUsage();
  for (let time = 0; time < 3; time += 1) globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ before, rss, heapUsed });
});
// The channel must not keep the process running.
process.channel?.unref();
