import { sql } from 'drizzle-orm';
import { index, jsonb, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { createdAt, updatedAt } from '../../db/columns.ts';
import { tenantTable } from '../organization/table.ts';

/** Properties that an organization defines for its services. The schema is a JSON Schema for their values. */
export const propertyDefinitions = tenantTable(
  'property_definitions',
  {
    name: text('name').notNull(),
    alias: text('alias'),
    description: text('description'),
    schema: jsonb('schema').$type<unknown>().notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('property_definitions_name').on(t.organizationId, sql`lower(${t.name})`),
    uniqueIndex('property_definitions_alias').on(t.organizationId, t.alias),
    index('property_definitions_by_name').on(t.organizationId, t.name, t.id),
  ],
);
