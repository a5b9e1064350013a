import { sql } from 'drizzle-orm';
import { foreignKey, index, jsonb, pgTable, primaryKey, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, instant, organizationId } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import { principals } from '../principal/table.ts';

/** Pending invitations only: accepting, declining and revoking one deletes it. */
export const invitations = pgTable(
  'invitations',
  {
    organizationId: organizationId(),
    id: id(),
    email: text('email').notNull(),
    hash: text('hash').notNull(),
    inviterId: uuid('inviter_id').notNull(),
    /** A built-in or custom organization role; one that is gone when it is accepted makes the invitation void. */
    roleId: uuid('role_id').notNull(),
    projectRoles: jsonb('project_roles').$type<{ projectId: string; roleId: string }[]>().notNull(),
    createdAt: createdAt(),
    expiresAt: instant('expires_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    unique('invitations_hash').on(t.organizationId, t.hash),
    index('invitations_by_hash').on(t.hash),
    uniqueIndex('invitations_email').on(t.organizationId, sql`lower(${t.email})`),
    // What somebody offers falls with them.
    foreignKey({
      name: 'invitations_inviter',
      columns: [t.organizationId, t.inviterId],
      foreignColumns: [principals.organizationId, principals.id],
    }).onDelete('cascade'),
  ],
);

explainViolation(
  'invitations_email',
  userError('TAKEN', 'emails', 'emails: another invitation for one of the addresses is pending.'),
);
