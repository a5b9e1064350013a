import { createHash } from 'node:crypto';
import type { Sql } from 'postgres';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { AmbitError } from '../lib/errors.ts';

/** Length of the window in seconds. */
const WINDOW = 15 * 60;

/** Limits attempts to sign in, per account and per address. */
export interface Limiter {
  /** Counts an attempt for the address and the account, or throws RATE_LIMITED. All nodes share the counters. */
  count(attempt: { account?: string; address: string }): Promise<void>;
  /** Resets the counter of an account after a successful sign-in. */
  reset(account: string): Promise<void>;
}

export function createLimiter(sql: Sql, limits: { account: number; address: number }): Limiter {
  // The library expects a client of node-postgres. It uses only this method.
  const client = {
    query: async ({ text, values }: { text: string; values: never[] }) => {
      const rows = await sql.unsafe(text, values);
      return { rows: rows.map((row) => ({ ...row, expire: Number(row['expire']) })), rowCount: rows.count };
    },
  };
  const limiterOf = (keyPrefix: string, points: number) =>
    new RateLimiterPostgres({
      storeClient: client,
      storeType: 'client',
      tableName: 'rate_limits',
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix,
      points,
      duration: WINDOW,
    });
  const byAccount = limiterOf('account', limits.account);
  const byAddress = limiterOf('address', limits.address);

  return {
    async count({ account, address }) {
      await consume(byAddress, digest(address));
      if (account !== undefined) await consume(byAccount, digest(account));
    },
    reset: async (account) => {
      await byAccount.delete(digest(account));
      await sql`delete from rate_limits where expire < ${Date.now()}`;
    },
  };
}

async function consume(limiter: RateLimiterPostgres, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    const retryAfter = Math.ceil(refusal.msBeforeNext / 1000);
    throw new AmbitError('RATE_LIMITED', `Too many attempts. Try again in ${retryAfter} seconds.`, { retryAfter });
  }
}

/** A hash, so that keys have a fixed length and the table contains no e-mail addresses. */
const digest = (text: string): string => createHash('sha256').update(text.toLowerCase()).digest('base64url');
