import { sql } from 'drizzle-orm';
import { foreignKey, integer, pgTable, primaryKey, text, unique, uniqueIndex } from 'drizzle-orm/pg-core';
import { id, organizationId } from '../../db/columns.ts';
import { organizations } from '../organization/table.ts';

export const levels = pgTable(
  'levels',
  {
    organizationId: organizationId(),
    id: id(),
    name: text('name').notNull(),
    description: text('description'),
    /** 0 is the lowest. Without gaps: a move shifts the others. */
    index: integer('index').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.id] }),
    uniqueIndex('levels_name').on(t.organizationId, sql`lower(${t.name})`),
    // A hand-written migration makes it deferrable, so that one statement can shift several levels.
    unique('levels_index').on(t.organizationId, t.index),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
  ],
);
