import { readFile } from 'node:fs/promises';
import type { ObserverOptions } from '../app.ts';
import type { Config } from '../config.ts';
import type { Log } from '../lib/log.ts';
import type { Lifecycle } from './lifecycle.ts';

type Observers = Pick<ObserverOptions, 'metrics' | 'tracing'>;

/** Whether `/metrics` is served. */
export const hasMetrics = ({ metrics: { port, token } }: Config): boolean => port !== undefined || token !== undefined;

/**
 * Loads the packages for metrics and traces only if they are configured, because they take about as long to load as the rest of
 * Ambit. `worker` is the number of the process, if there are several. A stop sends the remaining spans.
 */
export async function loadObservers(
  config: Config,
  log: Log,
  lifecycle: Lifecycle,
  worker?: number,
): Promise<Observers> {
  const version = await readVersion();
  const metrics = hasMetrics(config)
    ? (await import('../http/metrics/metrics.ts')).createMetrics({ version, ...(worker !== undefined && { worker }) })
    : null;
  const tracing = config.tracesEndpoint
    ? (await import('../http/open-telemetry.ts')).createTracing(version, log)
    : null;
  if (tracing) lifecycle.onStop(tracing.stop);
  return { metrics, tracing };
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
