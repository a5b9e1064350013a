import { sql } from 'drizzle-orm';
import { boolean, foreignKey, index, integer, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, updatedAt } from '../../db/columns.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { tenantTable } from '../organization/table.ts';
import { propertyDefinitions } from '../property-definition/table.ts';
import { teams } from '../team/table.ts';
import { tiers } from '../tier/table.ts';

export type Connective = 'AND' | 'OR';

/** Conditions for services. */
export const filters = tenantTable(
  'filters',
  {
    name: text('name').notNull(),
    description: text('description'),
    connective: text('connective').$type<Connective>().notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('filters_name').on(t.organizationId, sql`lower(${t.name})`),
    index('filters_by_name').on(t.organizationId, t.name, t.id),
    index('filters_by_update').on(t.organizationId, t.updatedAt, t.id),
  ],
);

/** One condition of a filter. A value that is an object of the organization is in a column with a foreign key. */
export const filterPredicates = tenantTable(
  'filter_predicates',
  {
    filterId: uuid('filter_id').notNull(),
    position: integer('position').notNull(),
    key: text('key').notNull(),
    keyData: text('key_data'),
    operator: text('operator').notNull(),
    value: text('value'),
    caseSensitive: boolean('case_sensitive').notNull().default(false),
    teamId: uuid('team_id'),
    tierId: uuid('tier_id'),
    lifecycleId: uuid('lifecycle_id'),
    definitionId: uuid('definition_id'),
    nestedId: uuid('nested_id'),
  },
  (t) => [
    unique('filter_predicates_position').on(t.organizationId, t.filterId, t.position),
    index('filter_predicates_by_team').on(t.organizationId, t.teamId),
    index('filter_predicates_by_tier').on(t.organizationId, t.tierId),
    index('filter_predicates_by_lifecycle').on(t.organizationId, t.lifecycleId),
    index('filter_predicates_by_definition').on(t.organizationId, t.definitionId),
    index('filter_predicates_by_nested').on(t.organizationId, t.nestedId),
    foreignKey({
      name: 'filter_predicates_filter',
      columns: [t.organizationId, t.filterId],
      foreignColumns: [filters.organizationId, filters.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'filter_predicates_nested',
      columns: [t.organizationId, t.nestedId],
      foreignColumns: [filters.organizationId, filters.id],
    }),
    foreignKey({
      name: 'filter_predicates_team',
      columns: [t.organizationId, t.teamId],
      foreignColumns: [teams.organizationId, teams.id],
    }),
    foreignKey({
      name: 'filter_predicates_tier',
      columns: [t.organizationId, t.tierId],
      foreignColumns: [tiers.organizationId, tiers.id],
    }),
    foreignKey({
      name: 'filter_predicates_lifecycle',
      columns: [t.organizationId, t.lifecycleId],
      foreignColumns: [lifecycles.organizationId, lifecycles.id],
    }),
    foreignKey({
      name: 'filter_predicates_definition',
      columns: [t.organizationId, t.definitionId],
      foreignColumns: [propertyDefinitions.organizationId, propertyDefinitions.id],
    }),
  ],
);
