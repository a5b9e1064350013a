import { LRUCache } from 'lru-cache';
import type { Config } from '../config.ts';
import { type Context, type Dependencies, restart } from '../context.ts';
import type { Actor } from '../identity/actor.ts';
import type { Bucket, Claim, Counted } from '../lib/buckets.ts';
import { AmbitError } from '../lib/errors.ts';
import { andThen, type MaybePromise } from '../lib/maybe-promise.ts';
import { networkOf } from '../lib/network.ts';
import type { Plan } from '../lib/plans.ts';
import { requestLimitsOf, requestsOf } from '../lib/request-limits.ts';
import type { RequestContext } from './request-context.ts';
import type { CountedRequest } from './server-context.ts';

/** The buckets of the caller. All sessions of a person without an organization share one bucket. */
export function claimsOf({ credential, user, organization, grants }: Actor, address: string, config: Config): Claim[] {
  if (!credential) return [{ kind: 'network', key: networkOf(address), limit: config.anonymousRequestsPerMinute }];
  const limits = requestLimitsOf(grants?.plan ?? 'FREE', config.planRequestsPercent);
  const own = organization ? credential.id : (user?.id ?? credential.id);
  const claim: Claim = { kind: 'credential', key: own, limit: limits.credential };
  if (!organization) return [claim];
  return [claim, { kind: 'organization', key: organization.id, limit: limits.organization }];
}

/** Counts requests of the caller. Throws RATE_LIMITED if a limit would be exceeded. */
export function countFor(
  dependencies: Dependencies,
  actor: Actor,
  address: string,
  requests: number,
  onCounted: (counted: CountedRequest) => void = () => undefined,
  cost = 0,
): MaybePromise<void> {
  const claims = claimsOf(actor, address, dependencies.config);
  return andThen(dependencies.buckets.count(claims, requests), (result) => {
    onCounted({ cost, requests: result.refusedBy === null ? requests : 0, claims, buckets: result.buckets });
    requireCounted(claims, result, dependencies.clock());
    if (actor.organization) dependencies.requestCounts.add(actor.organization.id, requests);
    dependencies.lastUses.record(actor, address);
  });
}

/** Counts an event of an integration as one request. The integration has the limits of a credential. */
export function countForIntegration(
  { buckets, requestCounts, clock, config }: Dependencies,
  { id, organizationId, plan }: { id: string; organizationId: string; plan: Plan },
): MaybePromise<void> {
  const limits = requestLimitsOf(plan, config.planRequestsPercent);
  const claims: Claim[] = [
    { kind: 'credential', key: id, limit: limits.credential },
    { kind: 'organization', key: organizationId, limit: limits.organization },
  ];
  return andThen(buckets.count(claims, 1), (result) => {
    requireCounted(claims, result, clock());
    requestCounts.add(organizationId, 1);
  });
}

/** Throws RATE_LIMITED if the requests were not counted. */
function requireCounted(claims: readonly Claim[], { buckets, refusedBy }: Counted, now: Date): void {
  if (refusedBy !== null) throw rateLimited(claims[refusedBy] as Claim, buckets[refusedBy] as Bucket, now);
}

const WHO = { credential: 'with this credential', organization: 'of this organization', network: 'from this network' };

function rateLimited({ kind, limit }: Claim, { endsAt }: Bucket, now: Date): AmbitError {
  const retryAfter = secondsUntil(endsAt, now);
  return new AmbitError(
    'RATE_LIMITED',
    `Too many requests ${WHO[kind]}: the limit is ${limit} per minute. Try again in ${retryAfter} seconds.`,
    { retryAfter, limit: kind, http: { status: 429, headers: { 'retry-after': String(retryAfter) } } },
  );
}

export const secondsUntil = (time: number, now: Date): number => Math.max(1, Math.ceil((time - now.getTime()) / 1_000));

/** Counts an operation before it is executed. */
export type CountOperation = (ctx: RequestContext, rootFields: number, cost: number) => MaybePromise<void>;

/** Minimum number of milliseconds between two reads of the plan of one credential because of refusals. */
const READ_PLAN_INTERVAL = 1_000;
const MAX_READ = 10_000;

/**
 * Returns the function that counts operations. It uses the plan of the cached actor. Before it refuses, it reads the
 * plan again, so that a larger plan is effective immediately, but at most once a second for each credential.
 */
export function createCountOperation(): CountOperation {
  const recentlyRead = new LRUCache<string, true>({ max: MAX_READ, ttl: READ_PLAN_INTERVAL });

  function count(ctx: RequestContext, rootFields: number, cost: number): MaybePromise<void> {
    const onCounted = (counted: CountedRequest): void => {
      ctx.state.counted = counted;
    };
    return countFor(ctx.dependencies, ctx.unit.actor, ctx.address, requestsOf(rootFields, cost), onCounted, cost);
  }

  function mayReadPlan({ unit }: Context, error: unknown): boolean {
    const { id } = unit.actor.credential ?? {};
    if (!(error instanceof AmbitError) || !unit.revalidation || !id || recentlyRead.has(id)) return false;
    recentlyRead.set(id, true);
    return true;
  }

  return (ctx, rootFields, cost) => {
    const countAgain = async (error: unknown): Promise<void> => {
      if (!mayReadPlan(ctx, error)) throw error;
      await restart(ctx);
      await count(ctx, rootFields, cost);
    };
    try {
      const counted = count(ctx, rootFields, cost);
      return counted instanceof Promise ? counted.catch(countAgain) : counted;
    } catch (error) {
      return countAgain(error);
    }
  };
}
