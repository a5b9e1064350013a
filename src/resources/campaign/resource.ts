import { dateTime, multiLine, optionalRef, readOnly, singleLine } from '../../graphql/attributes.ts';
import { builder } from '../../graphql/builder.ts';
import { resource } from '../../graphql/resource.ts';
import { Filter } from '../filter/resource.ts';
import { Team } from '../team/resource.ts';
import { campaignHooks } from './hooks.ts';
import { statusIs, statusOf } from './service.ts';
import { campaigns } from './table.ts';

export const CampaignStatus = builder.enumType('CampaignStatus', {
  description: 'The status of a campaign.',
  values: {
    DRAFT: { description: 'The campaign has no start.' },
    SCHEDULED: { description: 'The start is in the future.' },
    IN_PROGRESS: { description: 'The campaign has started, and the target has not passed.' },
    DELAYED: { description: 'The target has passed, and the campaign has not been ended.' },
    ENDED: { description: 'The campaign was ended. The results of its checks stay as they were.' },
  } as const,
});

export const Campaign = resource('Campaign', {
  table: campaigns,
  id: 'cmp',
  permission: 'campaign',
  plural: 'campaigns',
  description:
    'A set of checks that services should pass by a certain time. The checks are copies of checks of the rubric, and do not affect the levels of services.',
  attributes: {
    name: singleLine(100, 'The name of the campaign', { unique: true }),
    brief: multiLine(
      20_000,
      'Why the campaign exists and what teams have to do, as Markdown. Sanitize it before you render it',
    ),
    teamId: optionalRef(Team, 'The team that is responsible for the campaign'),
    filterId: optionalRef(
      Filter,
      'The filter that selects the services that the campaign applies to. Without it, the campaign applies to all services',
    ),
    startAt: readOnly(dateTime('When the campaign starts. From this time on, its checks have results')),
    targetAt: readOnly(dateTime('The time by which services should pass the checks')),
    endedAt: readOnly(dateTime('When the campaign was ended. Null if it was not ended')),
    remindedAt: readOnly(dateTime('When the last reminder was sent. Null if no reminder was sent')),
  },
  computed: {
    status: {
      type: CampaignStatus,
      description: 'The status of the campaign, derived from `startAt`, `targetAt` and `endedAt`.',
      columns: ['startAt', 'targetAt', 'endedAt'],
      value: statusOf,
      filter: statusIs,
    },
  },
  filter: {
    teamId: true,
    filterId: true,
    search: ['name'],
    startAt: 'range',
    targetAt: 'range',
    createdAt: 'range',
    updatedAt: 'range',
  },
  order: ['name', 'startAt', 'targetAt', 'createdAt', 'updatedAt'],
  deletedWithIt: 'its checks, their results and its progress by day',
  hooks: campaignHooks,
});
