import { sql } from 'drizzle-orm';
import { boolean, foreignKey, index, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, updatedAt } from '../../db/columns.ts';
import { ofParent, tenantTable } from '../organization/table.ts';
import { principals } from '../principal/table.ts';

export const teams = tenantTable(
  'teams',
  {
    name: text('name').notNull(),
    description: text('description'),
    parentId: uuid('parent_id'),
    managerId: uuid('manager_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('teams_name').on(t.organizationId, sql`lower(${t.name})`),
    index('teams_by_name').on(t.organizationId, t.name, t.id),
    index('teams_by_update').on(t.organizationId, t.updatedAt, t.id),
    index('teams_by_parent').on(t.organizationId, t.parentId),
    index('teams_by_manager').on(t.organizationId, t.managerId),
    foreignKey({
      name: 'teams_parent',
      columns: [t.organizationId, t.parentId],
      foreignColumns: [t.organizationId, t.id],
    }),
    foreignKey({
      name: 'teams_manager',
      columns: [t.organizationId, t.managerId],
      foreignColumns: [principals.organizationId, principals.id],
    }),
  ],
);

/** Other names of a team, for use in code. The slug of each name that the team has had is one of them. */
export const teamAliases = tenantTable(
  'team_aliases',
  { teamId: uuid('team_id').notNull(), alias: text('alias').notNull() },
  (t) => [
    uniqueIndex('team_aliases_alias').on(t.organizationId, t.alias),
    index('team_aliases_by_team').on(t.organizationId, t.teamId, t.alias),
    ofParent('team_aliases_team', [t.organizationId, t.teamId], teams),
  ],
);

/** The members of the organization and the service accounts that belong to a team. */
export const teamMembers = tenantTable(
  'team_members',
  { teamId: uuid('team_id').notNull(), principalId: uuid('principal_id').notNull(), label: text('label') },
  (t) => [
    unique('team_members_one').on(t.organizationId, t.teamId, t.principalId),
    index('team_members_by_principal').on(t.organizationId, t.principalId),
    ofParent('team_members_team', [t.organizationId, t.teamId], teams),
    foreignKey({
      name: 'team_members_principal',
      columns: [t.organizationId, t.principalId],
      foreignColumns: [principals.organizationId, principals.id],
    }).onDelete('cascade'),
  ],
);

export const CONTACT_TYPES = ['EMAIL', 'SLACK', 'MICROSOFT_TEAMS', 'PAGER', 'PHONE', 'WEB'] as const;
export type ContactType = (typeof CONTACT_TYPES)[number];

export const teamContacts = tenantTable(
  'team_contacts',
  {
    teamId: uuid('team_id').notNull(),
    type: text('type').$type<ContactType>().notNull(),
    address: text('address').notNull(),
    preferred: boolean('preferred').notNull().default(false),
  },
  (t) => [
    unique('team_contacts_one').on(t.organizationId, t.teamId, t.type, t.address),
    ofParent('team_contacts_team', [t.organizationId, t.teamId], teams),
  ],
);

export const teamTags = tenantTable(
  'team_tags',
  { teamId: uuid('team_id').notNull(), key: text('key').notNull(), value: text('value').notNull() },
  (t) => [
    unique('team_tags_one').on(t.organizationId, t.teamId, t.key, t.value),
    ofParent('team_tags_team', [t.organizationId, t.teamId], teams),
  ],
);
