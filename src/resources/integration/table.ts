import { isNotNull, sql } from 'drizzle-orm';
import { boolean, foreignKey, index, integer, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant, updatedAt } from '../../db/columns.ts';
import { tenantTable } from '../organization/table.ts';

/** CUSTOM_EVENT for payloads that checks evaluate, DEPLOY for deploys of services. */
export type IntegrationType = 'CUSTOM_EVENT' | 'DEPLOY';

/** A URL with a secret, to which other systems send events. */
export const integrations = tenantTable(
  'integrations',
  {
    name: text('name').notNull(),
    type: text('type').$type<IntegrationType>().notNull(),
    enabled: boolean('enabled').notNull().default(true),
    /** SHA-256 of the secret. A slow hash is not needed, because the secret is random. */
    hash: text('hash').notNull(),
    /** The last four characters of the secret. */
    hint: text('hint').notNull(),
    lastEventAt: instant('last_event_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    unique('integrations_hash').on(t.organizationId, t.hash),
    uniqueIndex('integrations_name').on(t.organizationId, sql`lower(${t.name})`),
    index('integrations_by_name').on(t.organizationId, t.name, t.id),
    index('integrations_by_update').on(t.organizationId, t.updatedAt, t.id),
  ],
);

/** QUEUED until a job has processed the event. FAILED if it could not, for example because its payload is invalid. */
export type EventStatus = 'QUEUED' | 'PROCESSED' | 'FAILED';

/** The last events of each integration. */
export const integrationEvents = tenantTable(
  'integration_events',
  {
    integrationId: uuid('integration_id').notNull(),
    /** JSON as it was received. Null when only the idempotency key is kept. */
    payload: text('payload'),
    /** Bytes of the payload. */
    size: integer('size').notNull(),
    /** SHA-256 of the header `Idempotency-Key`. Null without one. */
    idempotencyKey: text('idempotency_key'),
    /** SHA-256 of the payload. Null without an idempotency key. */
    fingerprint: text('fingerprint'),
    status: text('status').$type<EventStatus>().notNull().default('QUEUED'),
    /** What went wrong. */
    error: text('error'),
    createdAt: createdAt(),
    processedAt: instant('processed_at'),
  },
  (t) => [
    uniqueIndex('integration_events_key')
      .on(t.organizationId, t.integrationId, t.idempotencyKey)
      .where(isNotNull(t.idempotencyKey)),
    index('integration_events_by_integration').on(t.organizationId, t.integrationId, t.createdAt, t.id),
    index('integration_events_queued').on(t.organizationId, t.id).where(sql`status = 'QUEUED'`),
    foreignKey({
      name: 'integration_events_integration',
      columns: [t.organizationId, t.integrationId],
      foreignColumns: [integrations.organizationId, integrations.id],
    }).onDelete('cascade'),
  ],
);

/** Aliases in events that no service has. */
export const serviceSuggestions = tenantTable(
  'service_suggestions',
  {
    integrationId: uuid('integration_id').notNull(),
    alias: text('alias').notNull(),
    /** The number of events with the alias. */
    events: integer('events').notNull(),
    dismissedAt: instant('dismissed_at'),
    createdAt: createdAt(),
    lastEventAt: instant('last_event_at').notNull(),
  },
  (t) => [
    unique('service_suggestions_alias').on(t.organizationId, t.alias),
    index('service_suggestions_by_event').on(t.organizationId, t.lastEventAt, t.id),
    index('service_suggestions_by_integration').on(t.organizationId, t.integrationId),
    foreignKey({
      name: 'service_suggestions_integration',
      columns: [t.organizationId, t.integrationId],
      foreignColumns: [integrations.organizationId, integrations.id],
    }).onDelete('cascade'),
  ],
);
