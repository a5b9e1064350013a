import { sql } from 'drizzle-orm';
import { foreignKey, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { id, organizationId } from '../../db/columns.ts';
import { organizations } from '../organization/table.ts';

export const categories = pgTable(
  'categories',
  {
    organizationId: organizationId(),
    id: id(),
    name: text('name').notNull(),
    description: text('description'),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    uniqueIndex('categories_name').on(t.organizationId, sql`lower(${t.name})`),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
  ],
);
