import { sql } from 'drizzle-orm';
import { boolean, index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, organizationId } from '../../db/columns.ts';

export type Outcome = 'ALLOWED' | 'REFUSED' | 'REJECTED' | 'FAILED';
export type ActorKind = 'MEMBER' | 'SERVICE_ACCOUNT' | 'API_KEY' | 'USER' | 'SYSTEM' | 'ANONYMOUS';

/** One object before and after a change, as a JSON object of its fields. Null if it did not exist. */
export interface AuditedChange {
  /** The public ID of the object. */
  targetId: string;
  before: unknown;
  after: unknown;
}

/** An object that a mutation touched. */
export interface TouchedObject {
  /** The public ID. */
  id: string;
  /** The project of the object. Null if it belongs to the organization. */
  projectId: string | null;
}

/**
 * One row for each mutation, also for refused ones. There are no foreign keys, because an event stays after its objects
 * and its organization are deleted. The runtime role can only insert and read rows. The ID is made from `createdAt`, so
 * that every index that ends with the ID also serves ranges of times.
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
    dryRun: boolean('dry_run').notNull().default(false),
    /** Null in events of earlier versions. */
    actorKind: text('actor_kind').$type<ActorKind>(),
    principalId: uuid('principal_id'),
    userId: uuid('user_id'),
    /** The e-mail address of a person, or the name of a service account. */
    actor: text('actor').notNull(),
    /** The name of a person. */
    actorName: text('actor_name'),
    role: text('role'),
    credentialKind: text('credential_kind').notNull(),
    credentialId: uuid('credential_id'),
    targetId: text('target_id'),
    /** The projects that the event belongs to. Null in events of earlier versions. */
    projectIds: uuid('project_ids').array(),
    before: jsonb('before'),
    after: jsonb('after'),
    related: jsonb('related').$type<AuditedChange[]>(),
    input: jsonb('input'),
    requestId: text('request_id').notNull(),
    address: text('address').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    index('audit_events_by_target').on(t.organizationId, t.targetId, t.id),
    index('audit_events_by_user').on(t.organizationId, t.userId, t.id),
    index('audit_events_by_principal').on(t.organizationId, t.principalId, t.id),
    index('audit_events_by_credential').on(t.organizationId, t.credentialId, t.id),
    index('audit_events_by_action').on(t.organizationId, t.action, t.id),
    index('audit_events_by_permission').on(t.organizationId, t.permission, t.id),
    index('audit_events_by_request').on(t.organizationId, t.requestId),
    // Most events are allowed, and a page of those is found without this index.
    index('audit_events_not_allowed').on(t.organizationId, t.outcome, t.id).where(sql`outcome <> 'ALLOWED'`),
  ],
);

/**
 * The public IDs of the objects that an event touched, besides its target. They are rows, because PostgreSQL uses no index
 * on an array under row-level security.
 */
export const auditEventTargets = pgTable(
  'audit_event_targets',
  {
    organizationId: organizationId(),
    eventId: uuid('event_id').notNull(),
    targetId: text('target_id').notNull(),
    /** The project of the object. Null if it belongs to the organization. */
    projectId: uuid('project_id'),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.eventId, t.targetId] }),
    index('audit_event_targets_by_target').on(t.organizationId, t.targetId, t.eventId),
  ],
);
