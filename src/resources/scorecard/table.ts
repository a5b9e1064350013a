import { sql } from 'drizzle-orm';
import { foreignKey, index, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, updatedAt } from '../../db/columns.ts';
import { filters } from '../filter/table.ts';
import { tenantTable } from '../organization/table.ts';
import { teams } from '../team/table.ts';

/** A set of categories and checks beside the rubric, with the levels of the rubric. */
export const scorecards = tenantTable(
  'scorecards',
  {
    name: text('name').notNull(),
    alias: text('alias'),
    description: text('description'),
    /** The team that is responsible for the scorecard. */
    teamId: uuid('team_id'),
    /** The services that the scorecard applies to. Null for all. */
    filterId: uuid('filter_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('scorecards_name').on(t.organizationId, sql`lower(${t.name})`),
    uniqueIndex('scorecards_alias').on(t.organizationId, t.alias),
    index('scorecards_by_name').on(t.organizationId, t.name, t.id),
    index('scorecards_by_update').on(t.organizationId, t.updatedAt, t.id),
    index('scorecards_by_team').on(t.organizationId, t.teamId),
    index('scorecards_by_filter').on(t.organizationId, t.filterId),
    foreignKey({
      name: 'scorecards_team',
      columns: [t.organizationId, t.teamId],
      foreignColumns: [teams.organizationId, teams.id],
    }),
    foreignKey({
      name: 'scorecards_filter',
      columns: [t.organizationId, t.filterId],
      foreignColumns: [filters.organizationId, filters.id],
    }),
  ],
);
