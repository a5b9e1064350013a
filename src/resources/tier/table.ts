import { sql } from 'drizzle-orm';
import { integer, text, unique, uniqueIndex } from 'drizzle-orm/pg-core';
import { tenantTable } from '../organization/table.ts';

export const tiers = tenantTable(
  'tiers',
  {
    name: text('name').notNull(),
    alias: text('alias'),
    description: text('description'),
    index: integer('index').notNull(),
  },
  (t) => [
    uniqueIndex('tiers_name').on(t.organizationId, sql`lower(${t.name})`),
    uniqueIndex('tiers_alias').on(t.organizationId, t.alias),
    unique('tiers_index').on(t.organizationId, t.index),
  ],
);
