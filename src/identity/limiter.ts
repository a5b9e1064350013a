import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Sql } from 'postgres';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { AmbitError } from '../lib/errors.ts';
import { RATE_LIMIT_NAMES, type RateLimitName, type RateLimitPoints, rateLimit } from '../lib/rate-limits.ts';

/** Counts attempts. All nodes share the counters. */
export interface Limiter {
  /** Counts attempts for the key, such as an address. Throws RATE_LIMITED if they are above the limit. */
  consume(name: RateLimitName, key: string, points?: number): Promise<void>;
  /** Takes back attempts that were counted. */
  giveBack(name: RateLimitName, key: string, points?: number): Promise<void>;
  /** Deletes the counter of the key. */
  reset(name: RateLimitName, key: string): Promise<void>;
  /** Remembers the key for so many seconds. */
  remember(key: string, seconds: number): Promise<void>;
  /** Whether the key is remembered. */
  isRemembered(key: string): Promise<boolean>;
  /** Refuses further attempts of the key from memory, on this node, for so many seconds. */
  block(name: RateLimitName, key: string, seconds: number): void;
}

interface Attempt {
  points: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Maximum number of consumed counters that are kept in memory. */
const MAX_BLOCKED = 50_000;
/** Milliseconds between two deletions of expired counters by one node. */
const SWEEP_INTERVAL = 60_000;

export function createLimiter(sql: Sql, limits: RateLimitPoints): Limiter {
  const storeOf = storesOn(sql);
  const counters = new Map(
    RATE_LIMIT_NAMES.map((name) => [name, storeOf(name, limits[name], rateLimit(name).minutes)]),
  );
  const counterOf = (name: RateLimitName) => counters.get(name) as RateLimiterPostgres;
  const remembered = storeOf('remembered', 1, 1);
  /** When each consumed counter ends, in milliseconds. */
  const blocked = new LRUCache<string, number>({ max: MAX_BLOCKED });
  /** The attempts that wait for the statement of their counter. */
  const waiting = new Map<string, Attempt[]>();
  let sweptAt = 0;

  const secondsLeft = (id: string): number => Math.ceil(((blocked.get(id) ?? 0) - Date.now()) / 1000);

  /** Counts attempts in one statement. */
  async function count(name: RateLimitName, key: string, attempts: Attempt[]): Promise<void> {
    const id = `${name} ${key}`;
    let total = 0;
    for (const { points } of attempts) total += points;
    try {
      if (secondsLeft(id) > 0) throw rateLimited(secondsLeft(id));
      const { consumedPoints, msBeforeNext } = await consumed(counterOf(name), key, total);
      if (consumedPoints > limits[name]) blocked.set(id, Date.now() + msBeforeNext);
      let used = consumedPoints - total;
      for (const { points, resolve, reject } of attempts) {
        used += points;
        if (used <= limits[name]) resolve();
        else reject(rateLimited(Math.ceil(msBeforeNext / 1000)));
      }
    } catch (error) {
      for (const { reject } of attempts) reject(error);
    }
  }

  /** Counts an attempt, then those that have arrived meanwhile, until there are no more. */
  async function countAll(name: RateLimitName, key: string, first: Attempt): Promise<void> {
    const id = `${name} ${key}`;
    for (let attempts = [first]; attempts.length > 0; attempts = waiting.get(id) ?? []) {
      waiting.set(id, []);
      await count(name, key, attempts);
    }
    waiting.delete(id);
  }

  return {
    async consume(name, plain, points = 1) {
      const key = digest(plain);
      const id = `${name} ${key}`;
      if (secondsLeft(id) > 0) throw rateLimited(secondsLeft(id));
      await new Promise<void>((resolve, reject) => {
        const attempt = { points, resolve, reject };
        const queue = waiting.get(id);
        // At most one statement for each counter, because its row is locked until the end of the statement.
        if (queue) return void queue.push(attempt);
        void countAll(name, key, attempt);
      });
    },
    giveBack: async (name, plain, points = 1) => {
      await counterOf(name).reward(digest(plain), points);
    },
    reset: async (name, plain) => {
      const key = digest(plain);
      blocked.delete(`${name} ${key}`);
      await counterOf(name).delete(key);
    },
    async remember(plain, seconds) {
      await remembered.set(digest(plain), 1, seconds);
      if (Date.now() - sweptAt < SWEEP_INTERVAL) return;
      sweptAt = Date.now();
      await sql`delete from rate_limits where expire < ${sweptAt}`;
    },
    isRemembered: async (plain) => (await remembered.get(digest(plain))) !== null,
    block: (name, plain, seconds) => void blocked.set(`${name} ${digest(plain)}`, Date.now() + seconds * 1000),
  };
}

function storesOn(sql: Sql): (keyPrefix: string, points: number, minutes: number) => RateLimiterPostgres {
  // The library expects a client of node-postgres. It uses only this method.
  const storeClient = {
    query: async ({ text, values }: { text: string; values: never[] }) => {
      const rows = await sql.unsafe(text, values);
      return { rows: rows.map((row) => ({ ...row, expire: Number(row['expire']) })), rowCount: rows.count };
    },
  };
  const store = { storeClient, storeType: 'client', tableName: 'rate_limits', tableCreated: true };
  return (keyPrefix, points, minutes) =>
    new RateLimiterPostgres({ ...store, clearExpiredByTimeout: false, keyPrefix, points, duration: minutes * 60 });
}

/** The state of the counter after these points. */
async function consumed(counter: RateLimiterPostgres, key: string, points: number): Promise<RateLimiterRes> {
  try {
    return await counter.consume(key, points);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return refusal;
    throw refusal;
  }
}

const rateLimited = (retryAfter: number): AmbitError =>
  new AmbitError('RATE_LIMITED', `Too many attempts. Try again in ${retryAfter} seconds.`, { retryAfter });

/** A hash, so that keys have a fixed length and the table contains no e-mail addresses. */
const digest = (text: string): string => createHash('sha256').update(text.toLowerCase()).digest('base64url');
