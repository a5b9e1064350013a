/** Loaded into a process before its program: tells on its channel how much memory it holds. Needs `--expose-gc`. */
process.on('message', (message) => {
  if (message !== 'memory') return;
  const { rss: before } = process.memoryUsage();
  for (let time = 0; time < 3; time += 1) globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ before, rss, heapUsed });
});
// The program may not live on for the channel's sake.
process.channel?.unref();
