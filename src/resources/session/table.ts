import { foreignKey, index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant } from '../../db/columns.ts';
import { users } from '../user/table.ts';

/**
 * Sessions. A session is bound to one organization, or to none if its user belongs to none. Therefore it is a table of
 * the instance. Ending a session deletes its row.
 */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    organizationId: uuid('organization_id'),
    address: text('address').notNull(),
    userAgent: text('user_agent'),
    createdAt: createdAt(),
    refreshedAt: instant('refreshed_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
  },
  (t) => [
    index('sessions_by_member').on(t.organizationId, t.userId),
    index('sessions_by_user').on(t.userId),
    foreignKey({ columns: [t.userId], foreignColumns: [users.id] }).onDelete('cascade'),
  ],
);

/** The latest refresh tokens of a session, also used ones, because the reuse of a token ends the session. */
export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    hash: text('hash').primaryKey(),
    sessionId: uuid('session_id').notNull(),
    /** The user of the session. Row-level security compares it. */
    userId: uuid('user_id').notNull(),
    /** Null for a token that was issued before this column existed. */
    issuedAt: instant('issued_at'),
    usedAt: instant('used_at'),
  },
  (t) => [
    index('refresh_tokens_by_session').on(t.sessionId),
    foreignKey({ columns: [t.sessionId], foreignColumns: [sessions.id] }).onDelete('cascade'),
  ],
);
