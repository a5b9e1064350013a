import { sql } from 'drizzle-orm';
import { foreignKey, index, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant, organizationId, updatedAt } from '../../db/columns.ts';
import { filters } from '../filter/table.ts';
import { tenantTable } from '../organization/table.ts';
import { teams } from '../team/table.ts';

/** A drive to make services pass some checks by a certain time. */
export const campaigns = tenantTable(
  'campaigns',
  {
    name: text('name').notNull(),
    /** Why and how, as Markdown. */
    brief: text('brief'),
    /** The team that is responsible for the campaign. */
    teamId: uuid('team_id'),
    /** The services that the campaign applies to. Null for all. */
    filterId: uuid('filter_id'),
    /** Null for a draft. */
    startAt: instant('start_at'),
    targetAt: instant('target_at'),
    endedAt: instant('ended_at'),
    /** When the last reminder was sent. */
    remindedAt: instant('reminded_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('campaigns_name').on(t.organizationId, sql`lower(${t.name})`),
    index('campaigns_by_name').on(t.organizationId, t.name, t.id),
    index('campaigns_by_start').on(t.organizationId, t.startAt, t.id),
    index('campaigns_by_target').on(t.organizationId, t.targetAt, t.id),
    index('campaigns_by_update').on(t.organizationId, t.updatedAt, t.id),
    index('campaigns_by_team').on(t.organizationId, t.teamId),
    index('campaigns_by_filter').on(t.organizationId, t.filterId),
    foreignKey({
      name: 'campaigns_team',
      columns: [t.organizationId, t.teamId],
      foreignColumns: [teams.organizationId, teams.id],
    }),
    foreignKey({
      name: 'campaigns_filter',
      columns: [t.organizationId, t.filterId],
      foreignColumns: [filters.organizationId, filters.id],
    }),
  ],
);

/** The number of services and results of a campaign, and how many of them passed. */
export interface Progress {
  readonly services: number;
  readonly passingServices: number;
  readonly results: number;
  readonly passingResults: number;
}

export const NO_PROGRESS: Progress = { services: 0, passingServices: 0, results: 0, passingResults: 0 };

/** The sum of several numbers. */
export const sumOf = (all: readonly Progress[]): Progress =>
  all.reduce(
    (one, other) => ({
      services: one.services + other.services,
      passingServices: one.passingServices + other.passingServices,
      results: one.results + other.results,
      passingResults: one.passingResults + other.passingResults,
    }),
    NO_PROGRESS,
  );

/** The progress of a campaign at the end of a day. */
export const campaignHistory = pgTable(
  'campaign_history',
  {
    organizationId: organizationId(),
    campaignId: uuid('campaign_id').notNull(),
    /** The day in UTC, as `2026-01-31`. */
    day: text('day').notNull(),
    /** The sum of `teams`. With thousands of teams, reading them for each day would take seconds. */
    total: jsonb('total').$type<Progress>().notNull(),
    /** By the ID of the team that owns the services. The key `none` is for services without an owner. */
    teams: jsonb('teams').$type<Record<string, Progress>>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.campaignId, t.day] }),
    foreignKey({
      name: 'campaign_history_campaign',
      columns: [t.organizationId, t.campaignId],
      foreignColumns: [campaigns.organizationId, campaigns.id],
    }).onDelete('cascade'),
  ],
);
