import { createHash } from 'node:crypto';
import type { Sql } from 'postgres';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { AmbitError } from '../lib/errors.ts';

/** Seconds after which tries are forgotten. */
const WINDOW = 15 * 60;

export interface Limiter {
  /** Counts one try of each kind, or throws RATE_LIMITED. Counted in the database, so for all nodes together. */
  count(tries: { account?: string; address: string }): Promise<void>;
  /** Forgets the tries of an account: its owner has come in. */
  forget(account: string): Promise<void>;
}

export function createLimiter(sql: Sql, limits: { account: number; address: number }): Limiter {
  // The library speaks node-postgres; this is all of it that it uses.
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
    forget: async (account) => {
      await byAccount.delete(digest(account));
      await sql`delete from rate_limits where expire < ${Date.now()}`;
    },
  };
}

async function consume(limiter: RateLimiterPostgres, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    const retryAfter = Math.ceil(refused.msBeforeNext / 1000);
    throw new AmbitError('RATE_LIMITED', `Too many tries; try again in ${retryAfter} seconds.`, { retryAfter });
  }
}

/** Keys have a bounded length, and the table holds no addresses of people. */
const digest = (text: string): string => createHash('sha256').update(text.toLowerCase()).digest('base64url');
