import { bigint, integer, jsonb, pgTable, text, varchar } from 'drizzle-orm/pg-core';
import { createdAt, instant } from '../db/columns.ts';

/** Keys that sign access tokens. One is published before it signs and stays until its last token has ended. */
export const signingKeys = pgTable('signing_keys', {
  kid: text('kid').primaryKey(),
  publicJwk: jsonb('public_jwk').notNull(),
  privateJwk: jsonb('private_jwk').notNull(),
  createdAt: createdAt(),
  signsFrom: instant('signs_from').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

/** Counters of rate-limiter-flexible; the column names are the library's. */
export const rateLimits = pgTable('rate_limits', {
  key: varchar('key', { length: 255 }).primaryKey(),
  points: integer('points').notNull().default(0),
  expire: bigint('expire', { mode: 'number' }),
});
