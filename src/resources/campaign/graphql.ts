import { mutation } from '../../graphql/mutation.ts';
import { targetId } from '../../lib/input.ts';
import { Campaign } from './resource.ts';
import { endCampaign, scheduleCampaign, unscheduleCampaign } from './schedule.ts';

const UPDATE = { mayUseCachedActor: true, permission: 'campaign:update' } as const;
const RESULT = { campaign: { type: Campaign.type, description: 'The campaign.' } } as const;

mutation('scheduleCampaign', {
  ...UPDATE,
  description:
    'Sets the start and the target of a campaign. Its checks have results from the start on. Both times can be changed until the campaign has ended. Returns INVALID if it has ended.',
  input: (t) => ({
    id: t.id({ required: true, description: 'The ID of the campaign.' }),
    startAt: t.field({
      type: 'DateTime',
      required: true,
      description: 'When the campaign starts. Can be in the past.',
    }),
    targetAt: t.field({
      type: 'DateTime',
      required: true,
      description: 'The time by which services should pass the checks. Must be after `startAt`.',
    }),
  }),
  results: RESULT,
  resolve: async ({ id, ...schedule }, ctx) => ({
    campaign: await scheduleCampaign(ctx, targetId('cmp', id), schedule),
  }),
});

mutation('unscheduleCampaign', {
  ...UPDATE,
  description:
    'Clears the start and the target of a campaign, so that it is a draft. Its progress by day is deleted, and the results of its checks end. Returns INVALID if the campaign has ended. Returns NO_EFFECT if the campaign is a draft.',
  input: (t) => ({ id: t.id({ required: true, description: 'The ID of the campaign.' }) }),
  results: RESULT,
  resolve: async ({ id }, ctx) => ({ campaign: await unscheduleCampaign(ctx, targetId('cmp', id)) }),
});

mutation('endCampaign', {
  ...UPDATE,
  description:
    'Ends a campaign that has started. This cannot be undone. The results of its checks stay as they are. Returns INVALID if the campaign has not started, and NO_EFFECT if it has ended.',
  input: (t) => ({ id: t.id({ required: true, description: 'The ID of the campaign.' }) }),
  results: RESULT,
  resolve: async ({ id }, ctx) => ({ campaign: await endCampaign(ctx, targetId('cmp', id)) }),
});
