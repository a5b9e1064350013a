import { once } from 'node:events';
import type { Request } from './load.ts';
import { start, stop } from './server.ts';

export interface Rate {
  url: string;
  requests: Request[];
  perSecond: number;
  seconds: number;
}

/** Latencies in milliseconds. */
export interface Rated {
  p50: number;
  p99: number;
}

/** Sends requests at a constant rate from a separate process. Throws if any response is an error. */
export async function sendAtRate(rate: Rate): Promise<Rated> {
  const child = start('bench/peers/rate-generator.ts');
  child.send(rate);
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('the load generator exited')));
  const [rated] = (await Promise.race([once(child, 'message'), failed])) as [Rated];
  failed.catch(() => undefined);
  await stop(child);
  return rated;
}
