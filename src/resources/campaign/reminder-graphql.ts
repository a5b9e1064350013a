import { serviceOf } from '../../access/ownership.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { LIST_COST } from '../../graphql/cost.ts';
import { mutation } from '../../graphql/mutation.ts';
import { targetId } from '../../lib/input.ts';
import { Team } from '../team/resource.ts';
import { type RemindedTeam, sendReminder } from './reminder.ts';
import { Campaign } from './resource.ts';

const ReminderStatus = builder.enumType('CampaignReminderStatus', {
  description: 'Whether a team gets the reminder of a campaign.',
  values: {
    SENT: { description: 'A mail is sent to at least one address of the team.' },
    NO_ADDRESS: { description: 'The team has no contact of type EMAIL.' },
    NOT_ALLOWED: {
      description:
        'No mail may be sent to the addresses of the team. An address must belong to a member of the organization, or its domain must be in the configuration variable `CONTACT_MAIL_DOMAINS`.',
    },
    RATE_LIMITED: {
      description:
        'The addresses of the team have reached a rate limit, or the reminder has more than 1,000 addresses.',
    },
  } as const,
});

const CampaignReminder = builder.objectRef<RemindedTeam>('CampaignReminder').implement({
  description: 'The reminder of a campaign for a team that owns services that do not pass all checks.',
  public: true,
  fields: (t) => ({
    team: t.field({
      type: Team.type,
      nullable: true,
      description: 'The team. Null if it is not visible to the caller.',
      resolve: ({ teamId }, _args, ctx) => Team.load(ctx, teamId),
    }),
    services: t.int({
      description: 'The number of services of the team that do not pass all checks.',
      resolve: ({ failingServices }) => failingServices,
    }),
    status: t.field({
      type: ReminderStatus,
      description: 'Whether the team gets the reminder.',
      resolve: ({ status }) => status,
    }),
    addresses: t.stringList({
      nullable: true,
      permission: 'team:read',
      description:
        'The addresses to which a mail is sent, at most 10. If the team prefers some of its addresses, only these are used. Empty unless `status` is SENT.',
      resolve: ({ addresses }) => [...addresses],
    }),
  }),
});

/** Whether the caller may know the results of the services of the team. */
const maySee = ({ unit: { access } }: Context, teamId: string | null): boolean =>
  access.can('check_result:read', serviceOf(teamId));

/** The caller needs no permission to see results in order to send a reminder. */
const RESULTS = { permission: 'check_result:read', onSome: true } as const;

mutation('sendCampaignReminder', {
  permission: 'campaign:update',
  description:
    'Sends a mail to the contacts of each team that owns services that do not pass all checks of the campaign. The mail names these services and checks. An address gets at most one mail for each reminder. A campaign can have one reminder per hour. Returns INVALID unless the campaign is IN_PROGRESS or DELAYED. Returns RATE_LIMITED within an hour after the last reminder or above a rate limit, with `retryAfter` in seconds.',
  input: (t) => ({ id: t.id({ required: true, description: 'The ID of the campaign.' }) }),
  results: {
    campaign: { type: Campaign.type, description: 'The campaign.' },
    teams: {
      type: [CampaignReminder],
      ...RESULTS,
      complexity: { field: 1, multiplier: LIST_COST },
      description:
        'The teams that own services that do not pass all checks, ordered by name. Omits teams on whose services the caller does not have `check_result:read`.',
    },
    servicesWithoutOwner: {
      type: 'Int',
      ...RESULTS,
      description:
        'The number of services without an owner that do not pass all checks. No mail is sent for them. Null if there are errors or the caller does not have `check_result:read` on them.',
    },
  },
  resolve: async ({ id }, ctx) => {
    const { campaign, teams, servicesWithoutOwner } = await sendReminder(ctx, targetId('cmp', id));
    return {
      campaign,
      teams: teams.filter(({ teamId }) => maySee(ctx, teamId)),
      servicesWithoutOwner: maySee(ctx, null) ? servicesWithoutOwner : (null as never),
    };
  },
});
