import { sql } from 'drizzle-orm';
import { integer, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { positionIndex } from '../../db/columns.ts';
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
    positionIndex('lifecycles_index', t),
  ],
);
