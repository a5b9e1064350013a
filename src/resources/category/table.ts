import { sql } from 'drizzle-orm';
import { index, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { tenantTable } from '../organization/table.ts';

export const categories = tenantTable(
  'categories',
  { name: text('name').notNull(), alias: text('alias'), description: text('description') },
  (t) => [
    uniqueIndex('categories_name').on(t.organizationId, sql`lower(${t.name})`),
    uniqueIndex('categories_alias').on(t.organizationId, t.alias),
    index('categories_by_name').on(t.organizationId, t.name, t.id),
  ],
);
