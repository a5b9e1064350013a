import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Preloaded into a process. On the message `loop`, reports the longest time for which its event loop was blocked since the
 * last report, in milliseconds.
 */
const RESOLUTION = 1;

const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
histogram.enable();

process.on('message', (message) => {
  if (message !== 'loop') return;
  process.send?.({ longest: Math.max(histogram.max / 1e6 - RESOLUTION, 0) });
  histogram.reset();
});
// The channel must not keep the process running.
process.channel?.unref();
