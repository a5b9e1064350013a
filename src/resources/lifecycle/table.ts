import { sql } from 'drizzle-orm';
import { integer, text, unique, uniqueIndex } from 'drizzle-orm/pg-core';
import { tenantTable } from '../organization/table.ts';

export const lifecycles = tenantTable(
  'lifecycles',
  {
    name: text('name').notNull(),
    alias: text('alias'),
    description: text('description'),
    index: integer('index').notNull(),
  },
  (t) => [
    uniqueIndex('lifecycles_name').on(t.organizationId, sql`lower(${t.name})`),
    uniqueIndex('lifecycles_alias').on(t.organizationId, t.alias),
    unique('lifecycles_index').on(t.organizationId, t.index),
  ],
);
