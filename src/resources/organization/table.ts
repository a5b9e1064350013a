import { bigint, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt } from '../../db/columns.ts';
import type { Plan } from '../../lib/plans.ts';

/** The tenant itself: its row is bound by `id`, and its slug is unique in the instance. */
export const organizations = pgTable(
  'organizations',
  {
    id: uuid('id').primaryKey(),
    slug: text('slug').notNull(),
    name: text('name').notNull(),
    plan: text('plan').$type<Plan>().notNull(),
    /** Grows with every change of who may do what in it; compiled grants are kept under it. Triggers see to it. */
    accessVersion: bigint('access_version', { mode: 'number' }).notNull().default(0),
    createdAt: createdAt(),
  },
  (t) => [unique('organizations_slug').on(t.slug)],
);
