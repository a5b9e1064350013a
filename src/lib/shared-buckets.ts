import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { type Buckets, type Claim, type Counted, type LocalBuckets, within } from './buckets.ts';
import { createCircuit } from './circuit.ts';
import { errorMessage, type Log, throttled } from './log.ts';
import type { Redis } from './redis.ts';
import { PERIOD } from './request-limits.ts';

/** Milliseconds between two log entries with the same message. */
const LOG_INTERVAL = 60_000;
/** Number of consecutive failures after which the connection is replaced. There is one attempt per second. */
const RECONNECT_AFTER = 3;

/**
 * Adds the points to the key, unless the sum would be above the limit. Negative points are subtracted. Returns the sum, and the
 * milliseconds until the period ends.
 */
const COUNT = `
local points, period, limit = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000, tonumber(ARGV[3])
local left = redis.call('pttl', KEYS[1])
local used = left > 0 and tonumber(redis.call('get', KEYS[1])) or 0
if left <= 0 then left = period end
if points < 0 then points = math.max(points, -used) end
if used + points <= limit then redis.call('set', KEYS[1], used + points, 'PX', left) end
return { used + points, left }`;

/**
 * Buckets in Redis, which all nodes share. The local buckets have their last known state. A request that they refuse is not
 * sent to Redis. While Redis fails, only the local buckets count.
 */
export function createSharedBuckets(local: LocalBuckets, redis: Redis, now: () => number, log: Log): Buckets {
  const report = throttled(LOG_INTERVAL, log);
  const circuit = createCircuit({
    onFailure(error, failures) {
      report({ level: 'warn', message: 'Redis fails: this node counts requests alone', error: errorMessage(error) });
      if (failures % RECONNECT_AFTER === 0) redis.reconnect();
    },
    onRecovery: () => report({ level: 'info', message: 'Redis works again: nodes share the counts of requests' }),
  });
  const limiterOf = createLimiters(redis);

  async function countIn(claim: Claim, requests: number): Promise<Consumed> {
    const points = within(claim.limit, requests);
    const { consumedPoints, msBeforeNext } = await consume(limiterOf(claim), keyOf(claim), points);
    if (!isCount(consumedPoints, points) || !isCount(msBeforeNext, 0) || msBeforeNext > PERIOD * 1_000)
      throw new Error('the answer is not a count');
    const isRefused = consumedPoints > claim.limit;
    const bucket = { used: isRefused ? consumedPoints - points : consumedPoints, endsAt: now() + msBeforeNext };
    local.set(claim, bucket);
    return { claim, points, bucket, isRefused };
  }

  async function countInAll(claims: readonly Claim[], requests: number): Promise<Counted> {
    // The client sends the commands together.
    const all = await Promise.all(claims.map((claim) => countIn(claim, requests)));
    const refusedBy = all.findIndex(({ isRefused }) => isRefused);
    if (refusedBy >= 0) await Promise.all(all.filter(({ isRefused }) => !isRefused).map(giveBack));
    return { buckets: all.map(({ bucket }) => bucket), refusedBy: refusedBy < 0 ? null : refusedBy };
  }

  async function giveBack({ claim, points, bucket }: Consumed): Promise<void> {
    bucket.used -= points;
    await limiterOf(claim).reward(keyOf(claim), points);
  }

  return {
    count(claims, requests) {
      const known = local.check(claims, requests);
      if (known.refusedBy !== null) return known;
      const counted = circuit.call(() => countInAll(claims, requests));
      return counted?.catch(() => local.count(claims, requests)) ?? local.count(claims, requests);
    },
  };
}

/** Whether a value is a valid answer of the script. A wrong value could disable the limit. */
const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;

interface Consumed {
  claim: Claim;
  points: number;
  bucket: { used: number; endsAt: number };
  isRefused: boolean;
}

const keyOf = ({ kind, key }: Claim): string => `${kind}:${key}`;

/** One limiter of the library for each limit. Limiters with different limits count in the same keys. */
function createLimiters({ client }: Redis): (claim: Claim) => RateLimiterRedis {
  const limiters = new Map<number, RateLimiterRedis>();
  return ({ limit }) => {
    const known = limiters.get(limit);
    if (known) return known;
    const limiter = new RateLimiterRedis({
      storeClient: client,
      useRedisPackage: true,
      keyPrefix: 'ambit:requests',
      points: limit,
      duration: PERIOD,
      customIncrTtlLuaScript: COUNT,
    });
    limiters.set(limit, limiter);
    return limiter;
  };
}

async function consume(limiter: RateLimiterRedis, key: string, points: number): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key, points);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return refusal;
    throw refusal;
  }
}
