import { sql } from 'drizzle-orm';
import { integer, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { positionIndex } from '../../db/columns.ts';
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
    positionIndex('tiers_index', t),
  ],
);
