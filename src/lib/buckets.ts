import { LRUCache } from 'lru-cache';
import type { MaybePromise } from './maybe-promise.ts';
import { PERIOD } from './request-limits.ts';

/** The kinds of buckets: of a credential, of an organization, and of a network for requests without a valid credential. */
export type BucketKind = 'credential' | 'organization' | 'network';

/** A bucket that a request counts in. */
export interface Claim {
  readonly kind: BucketKind;
  readonly key: string;
  /** Maximum number of requests in a period. */
  readonly limit: number;
}

/** The state of a bucket. */
export interface Bucket {
  /** The number of requests in the current period. */
  used: number;
  /** When the period ends, in milliseconds. */
  endsAt: number;
}

export interface Counted {
  /** The buckets in the order of the claims. They must not be changed. */
  buckets: readonly Readonly<Bucket>[];
  /** Index of the first bucket whose limit would be exceeded. The requests were then counted in no bucket. Null if none. */
  refusedBy: number | null;
}

/** Counts requests. */
export interface Buckets {
  /** Counts requests in all buckets, or in none if a limit would be exceeded. */
  count(claims: readonly Claim[], requests: number): MaybePromise<Counted>;
}

/** Buckets in the memory of this node. */
export interface LocalBuckets extends Buckets {
  count(claims: readonly Claim[], requests: number): Counted;
  /** The same without counting. */
  check(claims: readonly Claim[], requests: number): Counted;
  set(claim: Claim, bucket: Bucket): void;
}

/** Maximum number of buckets of each kind. Above it, the bucket that was not used for the longest time is removed. */
export const MAX_BUCKETS = 50_000;

const MILLISECONDS = PERIOD * 1_000;

/** An operation that counts as more requests than the limit counts as the limit. Otherwise it could never be sent. */
export const within = (limit: number, requests: number): number => Math.min(limit, requests);

export function createLocalBuckets(now: () => number): LocalBuckets {
  const create = () => new LRUCache<string, Bucket>({ max: MAX_BUCKETS });
  const known: Record<BucketKind, LRUCache<string, Bucket>> = {
    credential: create(),
    organization: create(),
    network: create(),
  };

  function find({ kind, key }: Claim, time: number): Bucket {
    const bucket = known[kind].get(key);
    // The second condition is false only after the clock was set back.
    if (bucket && bucket.endsAt > time && bucket.endsAt <= time + MILLISECONDS) return bucket;
    const started = { used: 0, endsAt: time + MILLISECONDS };
    known[kind].set(key, started);
    return started;
  }

  function check(claims: readonly Claim[], requests: number): { buckets: Bucket[]; refusedBy: number | null } {
    const time = now();
    const buckets = claims.map((claim) => find(claim, time));
    const full = claims.findIndex(({ limit }, at) => (buckets[at] as Bucket).used + within(limit, requests) > limit);
    return { buckets, refusedBy: full < 0 ? null : full };
  }

  return {
    check,
    count(claims, requests) {
      const counted = check(claims, requests);
      if (counted.refusedBy === null)
        for (const [at, bucket] of counted.buckets.entries())
          bucket.used += within((claims[at] as Claim).limit, requests);
      return counted;
    },
    set: ({ kind, key }, bucket) => void known[kind].set(key, bucket),
  };
}
