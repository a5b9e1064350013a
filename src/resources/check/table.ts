import { boolean, foreignKey, index, jsonb, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant, updatedAt } from '../../db/columns.ts';
import { campaigns } from '../campaign/table.ts';
import { categories } from '../category/table.ts';
import { filters } from '../filter/table.ts';
import { integrations } from '../integration/table.ts';
import { levels } from '../level/table.ts';
import { tenantTable } from '../organization/table.ts';
import { principals } from '../principal/table.ts';
import { propertyDefinitions } from '../property-definition/table.ts';
import { teams } from '../team/table.ts';

export const CHECK_TYPES = [
  'MANUAL',
  'HAS_OWNER',
  'SERVICE_PROPERTY',
  'TAG_DEFINED',
  'LINK',
  'HAS_DEPENDENCY',
  'RECENT_DEPLOY',
  'CUSTOM_EVENT',
] as const;
export type CheckType = (typeof CHECK_TYPES)[number];

export const checks = tenantTable(
  'checks',
  {
    name: text('name').notNull(),
    alias: text('alias'),
    notes: text('notes'),
    type: text('type').$type<CheckType>().notNull(),
    categoryId: uuid('category_id').notNull(),
    levelId: uuid('level_id').notNull(),
    /** What the type of the check needs, without references to other objects. */
    settings: jsonb('settings').$type<Record<string, unknown>>().notNull().default({}),
    /** The property that a check of type SERVICE_PROPERTY is about, if the organization defines it. */
    definitionId: uuid('definition_id'),
    /** The services that the check applies to. Null for all. */
    filterId: uuid('filter_id'),
    /** The integration whose events a check of type CUSTOM_EVENT evaluates. */
    integrationId: uuid('integration_id'),
    /** The campaign that the check belongs to. Null for a check of the rubric or of a scorecard. */
    campaignId: uuid('campaign_id'),
    /** The check that a check of a campaign is a copy of. Null if it was deleted. */
    sourceCheckId: uuid('source_check_id'),
    ownerId: uuid('owner_id'),
    teamId: uuid('team_id'),
    passPending: boolean('pass_pending').notNull().default(false),
    enabled: boolean('enabled').notNull(),
    enableOn: instant('enable_on'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('checks_alias').on(t.organizationId, t.alias),
    index('checks_by_name').on(t.organizationId, t.name, t.id),
    index('checks_by_update').on(t.organizationId, t.updatedAt, t.id),
    index('checks_by_category').on(t.organizationId, t.categoryId),
    index('checks_by_level').on(t.organizationId, t.levelId),
    index('checks_by_owner').on(t.organizationId, t.ownerId),
    index('checks_by_filter').on(t.organizationId, t.filterId),
    index('checks_by_team').on(t.organizationId, t.teamId),
    index('checks_by_definition').on(t.organizationId, t.definitionId),
    foreignKey({
      name: 'checks_category',
      columns: [t.organizationId, t.categoryId],
      foreignColumns: [categories.organizationId, categories.id],
    }),
    foreignKey({
      name: 'checks_level',
      columns: [t.organizationId, t.levelId],
      foreignColumns: [levels.organizationId, levels.id],
    }),
    foreignKey({
      name: 'checks_filter',
      columns: [t.organizationId, t.filterId],
      foreignColumns: [filters.organizationId, filters.id],
    }),
    foreignKey({
      name: 'checks_team',
      columns: [t.organizationId, t.teamId],
      foreignColumns: [teams.organizationId, teams.id],
    }),
    foreignKey({
      name: 'checks_definition',
      columns: [t.organizationId, t.definitionId],
      foreignColumns: [propertyDefinitions.organizationId, propertyDefinitions.id],
    }),
    index('checks_by_integration').on(t.organizationId, t.integrationId),
    index('checks_by_campaign').on(t.organizationId, t.campaignId),
    index('checks_by_source').on(t.organizationId, t.sourceCheckId),
    foreignKey({
      name: 'checks_integration',
      columns: [t.organizationId, t.integrationId],
      foreignColumns: [integrations.organizationId, integrations.id],
    }),
    foreignKey({
      name: 'checks_campaign',
      columns: [t.organizationId, t.campaignId],
      foreignColumns: [campaigns.organizationId, campaigns.id],
    }),
    foreignKey({
      name: 'checks_source_check',
      columns: [t.organizationId, t.sourceCheckId],
      foreignColumns: [t.organizationId, t.id],
    }),
    // An earlier migration has added ON DELETE SET NULL. The code clears the owner itself.
    foreignKey({
      name: 'checks_owner',
      columns: [t.organizationId, t.ownerId],
      foreignColumns: [principals.organizationId, principals.id],
    }),
  ],
);
