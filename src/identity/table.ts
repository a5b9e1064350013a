import { bigint, index, integer, jsonb, pgTable, text, varchar } from 'drizzle-orm/pg-core';
import { createdAt, instant, organizationId } from '../db/columns.ts';

/** Keys that sign access tokens. A key is published before it signs, and is kept until its last token has expired. */
export const signingKeys = pgTable('signing_keys', {
  kid: text('kid').primaryKey(),
  publicJwk: jsonb('public_jwk').notNull(),
  privateJwk: jsonb('private_jwk').notNull(),
  createdAt: createdAt(),
  signsFrom: instant('signs_from').notNull(),
  expiresAt: instant('expires_at').notNull(),
});

/**
 * A directory: it finds the organization of an API token, an invitation or an integration by the hash of its secret. A row is
 * deleted with its secret. A row whose secret does not exist gives no access.
 */
export const organizationSecrets = pgTable(
  'organization_secrets',
  {
    hash: text('hash').primaryKey(),
    organizationId: organizationId(),
  },
  (t) => [index('organization_secrets_by_organization').on(t.organizationId)],
);

/** Counters of rate-limiter-flexible, which defines the column names. */
export const rateLimits = pgTable(
  'rate_limits',
  {
    key: varchar('key', { length: 255 }).primaryKey(),
    points: integer('points').notNull().default(0),
    expire: bigint('expire', { mode: 'number' }),
  },
  (t) => [index('rate_limits_by_expiry').on(t.expire)],
);

/** Secrets for the first account of an empty server. Deleted when the account is created. */
export const setupSecrets = pgTable('setup_secrets', {
  hash: text('hash').primaryKey(),
  createdAt: createdAt(),
});
