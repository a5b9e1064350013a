import { index, text, uuid } from 'drizzle-orm/pg-core';
import { instant } from '../../db/columns.ts';
import type { Plan } from '../../lib/plans.ts';
import { tenantTable } from '../organization/table.ts';

/** The plans that the organization has had. The row without an end is the current plan. */
export const planPeriods = tenantTable(
  'plan_periods',
  {
    plan: text('plan').$type<Plan>().notNull(),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at'),
    /** The principal that chose the plan. No foreign key, because the history stays after the principal is deleted. */
    changedBy: uuid('changed_by'),
  },
  (t) => [index('plan_periods_by_start').on(t.organizationId, t.startedAt, t.id)],
);
