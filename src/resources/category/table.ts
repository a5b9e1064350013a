import { sql } from 'drizzle-orm';
import { foreignKey, index, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { tenantTable } from '../organization/table.ts';
import { scorecards } from '../scorecard/table.ts';

export const categories = tenantTable(
  'categories',
  {
    name: text('name').notNull(),
    alias: text('alias'),
    description: text('description'),
    /** The scorecard that the category belongs to. Null for the rubric. */
    scorecardId: uuid('scorecard_id'),
  },
  (t) => [
    uniqueIndex('categories_name').on(
      t.organizationId,
      sql`coalesce(${t.scorecardId}, ${t.organizationId})`,
      sql`lower(${t.name})`,
    ),
    uniqueIndex('categories_alias').on(t.organizationId, t.alias),
    index('categories_by_name').on(t.organizationId, t.name, t.id),
    index('categories_by_scorecard').on(t.organizationId, t.scorecardId),
    foreignKey({
      name: 'categories_scorecard',
      columns: [t.organizationId, t.scorecardId],
      foreignColumns: [scorecards.organizationId, scorecards.id],
    }),
  ],
);
