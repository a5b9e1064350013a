import { pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt } from '../../db/columns.ts';

/** The tenant itself: its row is bound by `id`, and its slug is unique in the instance. */
export const organizations = pgTable(
  'organizations',
  {
    id: uuid('id').primaryKey(),
    slug: text('slug').notNull(),
    name: text('name').notNull(),
    createdAt: createdAt(),
  },
  (t) => [unique('organizations_slug').on(t.slug)],
);
