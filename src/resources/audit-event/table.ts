import { index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, organizationId } from '../../db/columns.ts';

export type Outcome = 'ALLOWED' | 'REFUSED' | 'REJECTED' | 'FAILED';

/**
 * One row for each mutation, also for refused ones. There are no foreign keys, because an event stays after its objects
 * and its organization are deleted. The runtime role can only insert and read rows.
 */
export const auditEvents = pgTable(
  'audit_events',
  {
    organizationId: organizationId(),
    id: id(),
    createdAt: createdAt(),
    action: text('action').notNull(),
    permission: text('permission'),
    outcome: text('outcome').$type<Outcome>().notNull(),
    reason: text('reason'),
    userId: uuid('user_id'),
    actor: text('actor').notNull(),
    role: text('role'),
    credentialKind: text('credential_kind').notNull(),
    credentialId: uuid('credential_id'),
    targetId: text('target_id'),
    before: jsonb('before'),
    after: jsonb('after'),
    requestId: text('request_id').notNull(),
    address: text('address').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    index('audit_events_by_target').on(t.organizationId, t.targetId, t.id),
    index('audit_events_by_user').on(t.organizationId, t.userId, t.id),
  ],
);
