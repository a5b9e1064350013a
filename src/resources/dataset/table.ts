import { sql } from 'drizzle-orm';
import { foreignKey, index, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, updatedAt } from '../../db/columns.ts';
import { tenantTable } from '../organization/table.ts';
import { projects } from '../project/table.ts';

export const datasets = tenantTable(
  'datasets',
  {
    projectId: uuid('project_id').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('datasets_name').on(t.organizationId, t.projectId, sql`lower(${t.name})`),
    index('datasets_by_name').on(t.organizationId, t.name, t.id),
    index('datasets_by_project').on(t.organizationId, t.projectId, t.name, t.id),
    foreignKey({
      name: 'datasets_project',
      columns: [t.organizationId, t.projectId],
      foreignColumns: [projects.organizationId, projects.id],
    }).onDelete('cascade'),
  ],
);
