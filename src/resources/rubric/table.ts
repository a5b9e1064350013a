import { foreignKey, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';
import { id, organizationId } from '../../db/columns.ts';
import { organizations } from '../organization/table.ts';

/** The rubric of an organization. There is exactly one. */
export const rubrics = pgTable(
  'rubrics',
  {
    organizationId: organizationId(),
    id: id(),
    name: text('name').notNull(),
    description: text('description'),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    unique('rubrics_one').on(t.organizationId),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
  ],
);
