import { type App, type AppOptions, createApp, createWorkerApp } from '../app.ts';
import type { Config } from '../config.ts';
import type { Pool } from '../db/pool.ts';
import type { Log } from '../lib/log.ts';
import { connectRedis, type Redis } from '../lib/redis.ts';
import { demoSignIns } from './demo.ts';
import type { Lifecycle } from './lifecycle.ts';

interface NodeOptions extends Pick<AppOptions, 'observers'> {
  pool: Pool;
  config: Config;
  log: Log;
  hasDemo: boolean;
}

/**
 * Creates the app for the role of the process. Before the pool ends, the counted requests, the refused events and the
 * last uses are written, and the threads end.
 */
export function createNode({ pool, config, log, observers, hasDemo }: NodeOptions, lifecycle: Lifecycle): App {
  if (config.role === 'worker') {
    const app = createWorkerApp({ pool, config, log, observers });
    lifecycle.onStop(async () => await stopThreads(app));
    return app;
  }
  const redis = findRedis(config, log);
  const app = createApp({ pool, config, log, redis, observers, demo: hasDemo ? demoSignIns() : null });
  lifecycle.onStop(async () => {
    const { requestCounts, lastUses, eventRefusals } = app.dependencies;
    await Promise.all([requestCounts.write(), lastUses.write(), eventRefusals.write(), stopThreads(app)]);
    redis?.close();
  });
  return app;
}

async function stopThreads({ dependencies }: App): Promise<void> {
  await Promise.all([dependencies.schemaValidator.stop(), dependencies.eventEvaluator.stop()]);
}

function findRedis({ redisUrl }: Config, log: Log): Redis | undefined {
  if (redisUrl !== undefined) return connectRedis(redisUrl);
  log({ level: 'info', message: 'REDIS_URL is not set: each process counts requests per minute alone' });
  return undefined;
}
