import { sql } from 'drizzle-orm';
import { foreignKey, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { createdAt, id, organizationId } from '../../db/columns.ts';
import { explainViolation } from '../../db/constraints.ts';
import { userError } from '../../lib/errors.ts';
import { organizations } from '../organization/table.ts';

export const projects = pgTable(
  'projects',
  {
    organizationId: organizationId(),
    id: id(),
    key: text('key').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    createdAt: createdAt(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    uniqueIndex('projects_key').on(t.organizationId, sql`lower(${t.key})`),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
  ],
);

explainViolation('projects_key', userError('TAKEN', 'key', 'Another project has this key.'));
