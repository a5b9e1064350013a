import { createClient } from '@redis/client';
import type { Config } from '../../config.ts';
import { type Finding, fail, ok, sentence } from './finding.ts';

/** Milliseconds to connect, and for the response. */
const TIMEOUT = 3_000;

/** Connects to Redis, signs in and sends PING. Writes nothing. */
export async function checkRedis({ redisUrl: url }: Pick<Config, 'redisUrl'>, timeout = TIMEOUT): Promise<Finding[]> {
  if (!url) return [ok('REDIS_URL is not set: each node counts requests alone.')];
  const { host } = new URL(url);
  const client = createClient({
    url,
    socket: { connectTimeout: timeout, socketTimeout: timeout, reconnectStrategy: false },
  });
  // Without a listener, the event would end the process. The promise reports the same error.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const startedAt = performance.now();
    await client.ping();
    return [ok(`${host} answers after ${(performance.now() - startedAt).toFixed(1)} ms.`)];
  } catch (error) {
    return [fail(`${host} cannot be used, so each node counts requests alone: ${sentence(error)} Correct REDIS_URL.`)];
  } finally {
    if (client.isOpen) client.destroy();
  }
}
