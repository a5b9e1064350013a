import { isNotNull, isNull } from 'drizzle-orm';
import { foreignKey, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, instant, organizationId } from '../../db/columns.ts';
import { services } from '../service/table.ts';

export type CheckStatus = 'PASSED' | 'FAILED' | 'PENDING';

/**
 * The history of the results of each check for each service. The latest result has not been replaced: each check that counts and
 * applies to the service has one. Without foreign keys to organizations, which services have, and to checks: both take half of the
 * time of an insert, and an evaluation can insert a million rows. `deleteResults` does what the second one would do.
 */
export const checkResults = pgTable(
  'check_results',
  {
    organizationId: organizationId(),
    id: id(),
    serviceId: uuid('service_id').notNull(),
    checkId: uuid('check_id').notNull(),
    status: text('status').$type<CheckStatus>().notNull(),
    message: text('message'),
    /** The member, service account or API key that reported it, or the integration of its event. Null if Ambit evaluated the check. */
    reportedById: uuid('reported_by_id'),
    createdAt: createdAt(),
    expiresAt: instant('expires_at'),
    /** When a newer result replaced it, or when the check ceased to count or to apply. Null for the latest. */
    replacedAt: instant('replaced_at'),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    uniqueIndex('check_results_latest').on(t.organizationId, t.serviceId, t.checkId).where(isNull(t.replacedAt)),
    index('check_results_by_check').on(t.organizationId, t.checkId, t.replacedAt, t.status),
    index('check_results_reported')
      .on(t.organizationId, t.serviceId, t.checkId, t.createdAt, t.id)
      .where(isNotNull(t.reportedById)),
    index('check_results_by_service').on(t.organizationId, t.serviceId, t.createdAt, t.id),
    index('check_results_replaced').on(t.organizationId, t.replacedAt).where(isNotNull(t.replacedAt)),
    foreignKey({
      name: 'check_results_service',
      columns: [t.organizationId, t.serviceId],
      foreignColumns: [services.organizationId, services.id],
    }).onDelete('cascade'),
  ],
);
