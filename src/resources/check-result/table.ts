import { isNotNull, isNull } from 'drizzle-orm';
import { index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, id, instant, organizationId } from '../../db/columns.ts';

export type CheckStatus = 'PASSED' | 'FAILED' | 'PENDING';

/**
 * The history of the results of each check for each service. The latest result has not been replaced: each check that counts and
 * applies to the service has one. The table has no foreign keys: each took about a third of the time of an insert, and an
 * evaluation can insert a million rows. The deletions of checks, services and organizations also delete the results. Each
 * transaction locks the service before it inserts a result, so the service is not deleted in the meantime.
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
    index('check_results_by_check').on(t.organizationId, t.checkId, t.replacedAt),
    index('check_results_reported')
      .on(t.organizationId, t.serviceId, t.checkId, t.createdAt, t.id)
      .where(isNotNull(t.reportedById)),
    index('check_results_by_service').on(t.organizationId, t.serviceId, t.createdAt, t.id),
    index('check_results_replaced').on(t.organizationId, t.replacedAt).where(isNotNull(t.replacedAt)),
  ],
);
