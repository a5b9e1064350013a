import { sql } from 'drizzle-orm';
import { foreignKey, index, jsonb, pgTable, primaryKey, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant, organizationId, updatedAt } from '../../db/columns.ts';
import { categories } from '../category/table.ts';
import { levels } from '../level/table.ts';
import { lifecycles } from '../lifecycle/table.ts';
import { ofParent, organizations, tenantTable } from '../organization/table.ts';
import { propertyDefinitions } from '../property-definition/table.ts';
import { scorecards } from '../scorecard/table.ts';
import { teams } from '../team/table.ts';
import { tiers } from '../tier/table.ts';

export const services = tenantTable(
  'services',
  {
    name: text('name').notNull(),
    description: text('description'),
    /** The team that owns the service. */
    ownerId: uuid('owner_id'),
    tierId: uuid('tier_id'),
    lifecycleId: uuid('lifecycle_id'),
    language: text('language'),
    framework: text('framework'),
    lastDeployAt: instant('last_deploy_at'),
    lastDeployVersion: text('last_deploy_version'),
    lastDeployDescription: text('last_deploy_description'),
    /** The overall level from the last evaluation. Null before it, and if no check applies. */
    levelId: uuid('level_id'),
    /** When the result of a check can change without a change of the service. Null if it cannot. */
    nextEvaluationAt: instant('next_evaluation_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('services_name').on(t.organizationId, sql`lower(${t.name})`),
    index('services_by_name').on(t.organizationId, t.name, t.id),
    index('services_by_update').on(t.organizationId, t.updatedAt, t.id),
    index('services_by_owner').on(t.organizationId, t.ownerId),
    index('services_by_tier').on(t.organizationId, t.tierId),
    index('services_by_lifecycle').on(t.organizationId, t.lifecycleId),
    index('services_by_level').on(t.organizationId, t.levelId),
    index('services_by_next_evaluation').on(t.organizationId, t.nextEvaluationAt),
    foreignKey({
      name: 'services_owner',
      columns: [t.organizationId, t.ownerId],
      foreignColumns: [teams.organizationId, teams.id],
    }),
    foreignKey({
      name: 'services_tier',
      columns: [t.organizationId, t.tierId],
      foreignColumns: [tiers.organizationId, tiers.id],
    }),
    foreignKey({
      name: 'services_lifecycle',
      columns: [t.organizationId, t.lifecycleId],
      foreignColumns: [lifecycles.organizationId, lifecycles.id],
    }),
    foreignKey({
      name: 'services_level',
      columns: [t.organizationId, t.levelId],
      foreignColumns: [levels.organizationId, levels.id],
    }),
  ],
);

/** Other names of a service, for use in code. The slug of each name that the service has had is one of them. */
export const serviceAliases = tenantTable(
  'service_aliases',
  { serviceId: uuid('service_id').notNull(), alias: text('alias').notNull() },
  (t) => [
    uniqueIndex('service_aliases_alias').on(t.organizationId, t.alias),
    index('service_aliases_by_service').on(t.organizationId, t.serviceId, t.alias),
    ofParent('service_aliases_service', [t.organizationId, t.serviceId], services),
  ],
);

export const serviceTags = tenantTable(
  'service_tags',
  { serviceId: uuid('service_id').notNull(), key: text('key').notNull(), value: text('value').notNull() },
  (t) => [
    unique('service_tags_one').on(t.organizationId, t.serviceId, t.key, t.value),
    index('service_tags_by_key').on(t.organizationId, t.key, t.value, t.serviceId),
    ofParent('service_tags_service', [t.organizationId, t.serviceId], services),
  ],
);

export const serviceLinks = tenantTable(
  'service_links',
  {
    serviceId: uuid('service_id').notNull(),
    name: text('name').notNull(),
    url: text('url').notNull(),
    category: text('category'),
  },
  (t) => [
    unique('service_links_one').on(t.organizationId, t.serviceId, t.name, t.url),
    ofParent('service_links_service', [t.organizationId, t.serviceId], services),
  ],
);

export const serviceProperties = tenantTable(
  'service_properties',
  {
    serviceId: uuid('service_id').notNull(),
    definitionId: uuid('definition_id').notNull(),
    value: jsonb('value').$type<unknown>().notNull(),
  },
  (t) => [
    unique('service_properties_one').on(t.organizationId, t.serviceId, t.definitionId),
    index('service_properties_by_definition').on(t.organizationId, t.definitionId),
    ofParent('service_properties_service', [t.organizationId, t.serviceId], services),
    foreignKey({
      name: 'service_properties_definition',
      columns: [t.organizationId, t.definitionId],
      foreignColumns: [propertyDefinitions.organizationId, propertyDefinitions.id],
    }).onDelete('cascade'),
  ],
);

/** A service needs another service in order to work. */
export const serviceDependencies = tenantTable(
  'service_dependencies',
  { serviceId: uuid('service_id').notNull(), dependsOnId: uuid('depends_on_id').notNull() },
  (t) => [
    unique('service_dependencies_one').on(t.organizationId, t.serviceId, t.dependsOnId),
    index('service_dependencies_by_target').on(t.organizationId, t.dependsOnId),
    ofParent('service_dependencies_service', [t.organizationId, t.serviceId], services),
    foreignKey({
      name: 'service_dependencies_depends_on',
      columns: [t.organizationId, t.dependsOnId],
      foreignColumns: [services.organizationId, services.id],
    }).onDelete('cascade'),
  ],
);

/** The level of a service in each category in which a check applies, from the last evaluation. */
export const serviceLevels = tenantTable(
  'service_levels',
  {
    serviceId: uuid('service_id').notNull(),
    categoryId: uuid('category_id').notNull(),
    levelId: uuid('level_id').notNull(),
  },
  (t) => [
    unique('service_levels_one').on(t.organizationId, t.serviceId, t.categoryId),
    index('service_levels_by_category').on(t.organizationId, t.categoryId, t.levelId),
    index('service_levels_by_level').on(t.organizationId, t.levelId),
    ofParent('service_levels_service', [t.organizationId, t.serviceId], services),
    foreignKey({
      name: 'service_levels_category',
      columns: [t.organizationId, t.categoryId],
      foreignColumns: [categories.organizationId, categories.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'service_levels_level',
      columns: [t.organizationId, t.levelId],
      foreignColumns: [levels.organizationId, levels.id],
    }),
  ],
);

/** The level of a service in each scorecard of which a check applies, from the last evaluation. */
export const scorecardLevels = tenantTable(
  'scorecard_levels',
  {
    serviceId: uuid('service_id').notNull(),
    scorecardId: uuid('scorecard_id').notNull(),
    levelId: uuid('level_id').notNull(),
  },
  (t) => [
    unique('scorecard_levels_one').on(t.organizationId, t.serviceId, t.scorecardId),
    index('scorecard_levels_by_scorecard').on(t.organizationId, t.scorecardId, t.levelId),
    index('scorecard_levels_by_level').on(t.organizationId, t.levelId),
    ofParent('scorecard_levels_service', [t.organizationId, t.serviceId], services),
    foreignKey({
      name: 'scorecard_levels_scorecard',
      columns: [t.organizationId, t.scorecardId],
      foreignColumns: [scorecards.organizationId, scorecards.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'scorecard_levels_level',
      columns: [t.organizationId, t.levelId],
      foreignColumns: [levels.organizationId, levels.id],
    }),
  ],
);

/**
 * The checks that a service must pass for its next level, as of the last evaluation. Reports count them. They are not in the
 * table of services, because lists of services do not need them.
 */
export const serviceMissingChecks = pgTable(
  'service_missing_checks',
  {
    organizationId: organizationId(),
    serviceId: uuid('service_id').notNull(),
    /** In ascending order. Also empty if there is no next level. Can contain deleted checks: an array has no foreign keys. */
    checkIds: uuid('check_ids').array().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.serviceId] }),
    ofParent('service_missing_checks_service', [t.organizationId, t.serviceId], services),
  ],
);

/** How many services had each level at the end of a day. Has no keys to levels, because it outlives them. */
export const maturityHistory = pgTable(
  'maturity_history',
  {
    organizationId: organizationId(),
    /** The day in UTC, as `2026-01-31`. */
    day: text('day').notNull(),
    /** The category or the scorecard, or the organization's ID for the overall level. */
    categoryId: uuid('category_id').notNull(),
    /** By ID of the level. The key `none` is for services without a level. */
    services: jsonb('services').$type<Record<string, number>>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.day, t.categoryId] }),
    foreignKey({ columns: [t.organizationId], foreignColumns: [organizations.id] }).onDelete('cascade'),
  ],
);
