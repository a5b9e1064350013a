import { foreignKey, index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant } from '../../db/columns.ts';
import { principals } from '../principal/table.ts';
import { users } from '../user/table.ts';

/**
 * A sign-in that lasts. It is bound to one organization, or to none while its user belongs to none; that is why it is
 * a table of the instance. Only live sessions have a row: ending one deletes it.
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
    // Who leaves the organization loses the sessions that are bound to it.
    foreignKey({
      name: 'sessions_member',
      columns: [t.organizationId, t.userId],
      foreignColumns: [principals.organizationId, principals.userId],
    }).onDelete('cascade'),
  ],
);

/** Every refresh token of a live session, also the used ones: showing one of those again ends the session. */
export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    hash: text('hash').primaryKey(),
    sessionId: uuid('session_id').notNull(),
    usedAt: instant('used_at'),
  },
  (t) => [
    index('refresh_tokens_by_session').on(t.sessionId),
    foreignKey({ columns: [t.sessionId], foreignColumns: [sessions.id] }).onDelete('cascade'),
  ],
);
