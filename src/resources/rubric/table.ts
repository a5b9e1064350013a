import { foreignKey, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';
import { id, organizationId } from '../../db/columns.ts';
import { organizations } from '../organization/table.ts';

/** The one rubric of an organization: what its categories and levels are for. */
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
