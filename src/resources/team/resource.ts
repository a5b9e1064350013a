import { boolean, multiLine, oneOf, optionalLine, optionalRef, ref, singleLine } from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { aliases, items, itemType } from '../../graphql/parts.ts';
import { resource } from '../../graphql/resource.ts';
import { memberTarget } from '../member/graphql.ts';
import { principalTarget } from '../principal/graphql.ts';
import { Tag } from '../tag/ref.ts';
import { refuseAddress, teamHooks } from './service.ts';
import { CONTACT_TYPES, teamAliases, teamContacts, teamMembers, teams, teamTags } from './table.ts';

export const ContactType = builder.enumType('ContactType', {
  description: 'How a team is contacted.',
  values: {
    EMAIL: { description: 'An e-mail address.' },
    SLACK: { description: 'A channel or handle in Slack, such as `#checkout`.' },
    MICROSOFT_TEAMS: { description: 'A channel in Microsoft Teams, as a name or URL.' },
    PAGER: { description: 'A rotation, service or number of a pager.' },
    PHONE: { description: 'A phone number.' },
    WEB: { description: 'A web page, as an http or https URL.' },
  } as const,
});

const TeamContact = itemType('TeamContact', {
  description: 'A way to contact a team.',
  columns: {
    type: oneOf(ContactType, CONTACT_TYPES, 'The kind of the address'),
    address: singleLine(500, 'The address. An e-mail address for EMAIL, and an http or https URL for WEB'),
    preferred: boolean('Whether the team prefers this contact. Several contacts can be preferred', false),
  },
  key: ['type', 'address'],
  refuse: refuseAddress,
});

const TeamMember = itemType('TeamMember', {
  description: 'A member of the organization or a service account that belongs to a team.',
  columns: {
    principalId: ref(principalTarget, 'The member or service account'),
    label: optionalLine(100, 'What the member does in the team, such as `Tech lead`. Grants no permission'),
  },
  key: ['principalId'],
});

const OF_TEAM = { of: 'teamId' } as const;

export const Team = resource('Team', {
  table: teams,
  id: 'tea',
  permission: 'team',
  plural: 'teams',
  description: 'A group of people and programs that own services.',
  attributes: {
    name: singleLine(100, 'The name of the team', { unique: true }),
    description: multiLine(2000, 'What the team is responsible for'),
    parentId: optionalRef('self', 'The parent team. Teams form a tree without cycles, at most 10 levels deep', {
      reverse: 'children',
    }),
    managerId: optionalRef(memberTarget, 'The manager of the team', { reverse: 'managedTeams', onDelete: 'clear' }),
  },
  parts: {
    aliases: aliases('Short names of the team, for use in code', { table: teamAliases, ...OF_TEAM, max: 100 }),
    members: items(TeamMember, 'The members of the team', { table: teamMembers, ...OF_TEAM, max: 500 }),
    contacts: items(TeamContact, 'How to contact the team', { table: teamContacts, ...OF_TEAM, max: 50 }),
    tags: items(Tag, 'The tags of the team', { table: teamTags, ...OF_TEAM, max: 100 }),
  },
  filter: { parentId: true, managerId: true, search: ['name'], createdAt: 'range', updatedAt: 'range' },
  order: ['name', 'createdAt', 'updatedAt'],
  changesAccess: ['create', 'update', 'delete'],
  hooks: teamHooks,
});
