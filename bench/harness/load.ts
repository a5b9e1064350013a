import { once } from 'node:events';
import type { Measured } from './rounds.ts';
import { type Server, start, stop } from './server.ts';
import { CONNECTIONS, SECONDS } from './settings.ts';

export interface Request {
  method: 'POST';
  path?: string;
  headers: Record<string, string>;
  body: string;
}

export interface Load {
  url: string;
  requests: Request[];
  connections: number;
  seconds: number;
  /** So many requests, instead of so many seconds. */
  amount?: number;
  /** Each request belongs to one connection, instead of all to all. */
  dealt?: boolean;
}

export interface Loaded {
  perSecond: number;
  /** Milliseconds. */
  mean: number;
  p50: number;
  p99: number;
  bad: Record<string, number>;
}

/** A GraphQL request by the bearer of this token. */
export const graphql = (token: string, query: string, variables: Record<string, unknown> = {}): Request => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  body: JSON.stringify({ query, variables }),
});

/** A GraphQL request of a peer that asks for no credential, and believes which organization it is told. */
export const openly = (organization: string, query: string, variables: Record<string, unknown> = {}): Request => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-organization-id': organization },
  body: JSON.stringify({ query, variables }),
});

/** Loads a server from a process of its own. One answer that is not good fails the bench. */
export async function load(given: Partial<Load> & Pick<Load, 'url' | 'requests'>): Promise<Loaded> {
  const child = start('bench/peers/load-generator.ts');
  child.send({ connections: CONNECTIONS, seconds: SECONDS, ...given });
  const [loaded] = (await once(child, 'message')) as [Loaded];
  await stop(child);
  if (Object.values(loaded.bad).some((count) => count > 0))
    throw new Error(`${given.url} gave answers that are not good: ${JSON.stringify(loaded.bad)}`);
  return loaded;
}

/** Requests per second of one round, with latencies in milliseconds. */
export async function requestsPerSecond(
  { url }: Pick<Server, 'url'>,
  requests: Request[],
  seconds = SECONDS,
): Promise<Measured> {
  const { perSecond, mean, p50, p99 } = await load({ url, requests, seconds });
  return { value: perSecond, details: { 'mean ms': mean, 'p50 ms': p50, 'p99 ms': p99 } };
}
