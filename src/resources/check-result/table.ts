import { isNull } from 'drizzle-orm';
import { foreignKey, index, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant } from '../../db/columns.ts';
import { checks } from '../check/table.ts';
import { tenantTable } from '../organization/table.ts';
import { services } from '../service/table.ts';

export type CheckStatus = 'PASSED' | 'FAILED' | 'PENDING';

/** The history of the results of each check for each service. A result is the latest until another replaces it. */
export const checkResults = tenantTable(
  'check_results',
  {
    serviceId: uuid('service_id').notNull(),
    checkId: uuid('check_id').notNull(),
    status: text('status').$type<CheckStatus>().notNull(),
    message: text('message'),
    /** The member, service account or API key that reported it. Null if Ambit evaluated the check. */
    reportedById: uuid('reported_by_id'),
    createdAt: createdAt(),
    expiresAt: instant('expires_at'),
    /** When a newer result replaced it. Null for the latest. */
    replacedAt: instant('replaced_at'),
  },
  (t) => [
    uniqueIndex('check_results_latest').on(t.organizationId, t.serviceId, t.checkId).where(isNull(t.replacedAt)),
    index('check_results_by_check').on(t.organizationId, t.checkId, t.status).where(isNull(t.replacedAt)),
    index('check_results_by_service').on(t.organizationId, t.serviceId, t.createdAt, t.id),
    foreignKey({
      name: 'check_results_service',
      columns: [t.organizationId, t.serviceId],
      foreignColumns: [services.organizationId, services.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'check_results_check',
      columns: [t.organizationId, t.checkId],
      foreignColumns: [checks.organizationId, checks.id],
    }).onDelete('cascade'),
  ],
);
