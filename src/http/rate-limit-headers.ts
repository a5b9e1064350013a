import { decide } from '../access/decide.ts';
import type { Dependencies } from '../context.ts';
import { type Actor, effectiveGrantsOf } from '../identity/actor.ts';
import type { BucketKind } from '../lib/buckets.ts';
import type { MaybePromise } from '../lib/maybe-promise.ts';
import { PERIOD } from '../lib/request-limits.ts';
import { claimsOf, countFor, secondsUntil } from './request-count.ts';
import type { HttpResponse } from './response.ts';
import type { CountedRequest, ServerContext } from './server-context.ts';

/** Names of the headers, for CORS. */
export const RATE_LIMIT_HEADERS = ['ratelimit', 'ratelimit-policy', 'retry-after'];

/** A limit as the caller sees it. */
export interface VisibleLimit {
  name: BucketKind;
  limit: number;
  remaining: number;
  /** Seconds until the period ends. */
  seconds: number;
}

/**
 * The limits that the caller may see. The limit of a network would show how many requests others send from it. The limit of
 * the organization requires `usage:read`. The request may have been counted for a cached actor with an earlier plan.
 */
export function visibleLimits(
  { claims, buckets }: CountedRequest,
  actor: Actor,
  { config, clock }: Pick<Dependencies, 'config' | 'clock'>,
): VisibleLimit[] {
  const now = clock();
  // The credential of an invalid document is not read, so there is no actor.
  const current = actor.credential ? claimsOf(actor, '', config) : claims;
  return current.flatMap(({ kind, limit }) => {
    if (kind === 'network' || (kind === 'organization' && !mayReadUsage(actor))) return [];
    const bucket = buckets[claims.findIndex((claim) => claim.kind === kind)];
    if (!bucket) return [];
    const remaining = Math.max(0, limit - bucket.used);
    return { name: kind, limit, remaining, seconds: secondsUntil(bucket.endsAt, now) };
  });
}

const mayReadUsage = (actor: Actor): boolean => decide(effectiveGrantsOf(actor), 'usage:read').allowed;

/** The headers of draft-ietf-httpapi-ratelimit-headers-11. The unit is `requests`. */
function headersOf(limits: readonly VisibleLimit[]): Record<string, string> {
  if (limits.length === 0) return {};
  return {
    'ratelimit-policy': limits.map(({ name, limit }) => `"${name}";q=${limit};w=${PERIOD}`).join(', '),
    ratelimit: limits.map(({ name, remaining, seconds }) => `"${name}";r=${remaining};t=${seconds}`).join(', '),
  };
}

/** Codes of requests that are refused before they are counted. FORBIDDEN: the credential cannot be used from the address. */
const UNCOUNTED = ['BAD_REQUEST', 'UNAUTHENTICATED', 'FORBIDDEN'];

/**
 * Adds the headers to the response of an operation. Counts an operation that was refused before it was counted, and throws
 * RATE_LIMITED if a limit is then exceeded.
 */
export function withRateLimit(
  dependencies: Dependencies,
  server: ServerContext,
  response: HttpResponse,
): MaybePromise<HttpResponse> {
  const { counted, trace } = server.state;
  const add = (): HttpResponse => withHeaders(dependencies, server, response);
  if (counted || !trace.codes.some((code) => UNCOUNTED.includes(code))) return add();
  return countRefused(dependencies, server).then(add);
}

function withHeaders(dependencies: Dependencies, { state }: ServerContext, response: HttpResponse): HttpResponse {
  // The request was counted for a cached actor whose credential was revoked since then.
  if (!state.counted || state.trace.codes.includes('UNAUTHENTICATED')) return response;
  const headers = headersOf(visibleLimits(state.counted, state.trace.actor, dependencies));
  return { ...response, headers: { ...response.headers, ...headers } };
}

/** The credential of an invalid document was not looked up, but it may be cached from another request. */
async function countRefused(
  dependencies: Dependencies,
  { state, address, authorization }: ServerContext,
): Promise<void> {
  const { actor } = state.trace;
  const known = actor.credential ? null : await dependencies.identity.findCached(authorization, address);
  await countFor(dependencies, known?.actor ?? actor, address, 1, (counted) => {
    state.counted = counted;
  });
}
