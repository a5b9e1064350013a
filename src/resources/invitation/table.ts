import { sql } from 'drizzle-orm';
import { foreignKey, index, jsonb, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, instant, organizationId } from '../../db/columns.ts';
import { principals } from '../principal/table.ts';

/** QUEUED until the mail server has accepted the mail, or it has failed permanently. */
export type MailStatus = 'QUEUED' | 'SENT' | 'FAILED';

/** Pending invitations. Accepting, declining or revoking an invitation deletes it. */
export const invitations = pgTable(
  'invitations',
  {
    organizationId: organizationId(),
    id: id(),
    email: text('email').notNull(),
    hash: text('hash').notNull(),
    /** The secret, encrypted, until the mail server has accepted the mail. */
    secret: text('secret'),
    mailStatus: text('mail_status').$type<MailStatus>().notNull().default('SENT'),
    inviterId: uuid('inviter_id').notNull(),
    /** A built-in or custom organization role. If it is deleted, the invitation is invalid. */
    roleId: uuid('role_id').notNull(),
    projectRoles: jsonb('project_roles').$type<{ projectId: string; roleId: string }[]>().notNull(),
    createdAt: createdAt(),
    expiresAt: instant('expires_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    unique('invitations_hash').on(t.organizationId, t.hash),
    // Not unique: an inviter does not learn of invitations that are hidden from them, so one address can have several.
    index('invitations_by_email').on(t.organizationId, sql`lower(${t.email})`),
    // Invitations are deleted with their inviter.
    foreignKey({
      name: 'invitations_inviter',
      columns: [t.organizationId, t.inviterId],
      foreignColumns: [principals.organizationId, principals.id],
    }).onDelete('cascade'),
  ],
);
