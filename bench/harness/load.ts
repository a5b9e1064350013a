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
  /** Number of requests. Replaces `seconds`. */
  amount?: number;
  /** Whether the requests are divided among the connections. By default each connection sends all of them. */
  dealt?: boolean;
}

export interface Loaded {
  /** Number of requests. */
  requests: number;
  perSecond: number;
  /** Mean latency in milliseconds. */
  mean: number;
  p50: number;
  p99: number;
  bad: Record<string, number>;
}

/** A GraphQL request with a bearer token. */
export const graphql = (token: string, query: string, variables: Record<string, unknown> = {}): Request => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  body: JSON.stringify({ query, variables }),
});

/** A GraphQL request for a peer without authentication. The header names the organization. */
export const openly = (organization: string, query: string, variables: Record<string, unknown> = {}): Request => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-organization-id': organization },
  body: JSON.stringify({ query, variables }),
});

/** Sends requests from a separate process. Throws if any response is an error. */
export async function load(given: Partial<Load> & Pick<Load, 'url' | 'requests'>): Promise<Loaded> {
  const child = start('bench/peers/load-generator.ts');
  child.send({ connections: CONNECTIONS, seconds: SECONDS, ...given });
  const [loaded] = (await once(child, 'message')) as [Loaded];
  await stop(child);
  if (Object.values(loaded.bad).some((count) => count > 0))
    throw new Error(`${given.url} returned errors: ${JSON.stringify(loaded.bad)}`);
  return loaded;
}

/** Sends one request. Throws if the response is an error, except with the code `accepted`. */
export async function sendOne(
  { url }: Pick<Server, 'url'>,
  { method, headers, body }: Request,
  accepted?: string,
): Promise<unknown> {
  const response = await fetch(url, { method, headers, body });
  const text = await response.text();
  const isAccepted = accepted && text.includes(`"code":"${accepted}"`);
  if (!isAccepted && (!response.ok || /"errors":\[\{/.test(text)))
    throw new Error(`${url} returned ${text.slice(0, 500)}`);
  return JSON.parse(text);
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
