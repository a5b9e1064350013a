import { type App, createApp } from '../app.ts';
import type { Config } from '../config.ts';
import type { Pool } from '../db/pool.ts';
import type { Log } from '../lib/log.ts';
import { connectRedis, type Redis } from '../lib/redis.ts';
import { demoSignIns } from './demo.ts';
import type { Lifecycle } from './lifecycle.ts';

interface NodeOptions {
  pool: Pool;
  config: Config;
  log: Log;
  hasDemo: boolean;
}

/** The app of a process that serves requests. Before the pool ends, the app writes what it has
 * counted and recorded. */
export function createNode({ pool, config, log, hasDemo }: NodeOptions, lifecycle: Lifecycle): App {
  const redis = findRedis(config, log);
  const app = createApp({ pool, config, log, redis, demo: hasDemo ? demoSignIns() : null });
  lifecycle.onStop(async () => {
    await Promise.all([app.writeCounts(), app.writeUses()]);
    redis?.close();
  });
  return app;
}

function findRedis({ redisUrl }: Config, log: Log): Redis | undefined {
  if (redisUrl !== undefined) return connectRedis(redisUrl);
  log({ level: 'info', message: 'REDIS_URL is not set: each process counts requests per minute alone' });
  return undefined;
}
