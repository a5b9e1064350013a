import type { Context } from '../../context.ts';
import type { SchemaTypes } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { canSee, type GivenReference, loadReferenced, referenceInputOf } from '../../graphql/target.ts';
import { decodeId } from '../../lib/ids.ts';
import { targetId } from '../../lib/input.ts';
import { Check } from '../check/resource.ts';
import { copyChecks, type GivenChecks, MAX_CHECKS, removeChecks } from './copy.ts';
import { Campaign } from './resource.ts';

type InputFields = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;

const inputOf = (t: InputFields, which: string) => ({
  campaignId: t.id({ required: true, description: 'The ID of the campaign.' }),
  checks: t.field({
    type: [referenceInputOf(Check)],
    required: true,
    visibleWith: Check.permission,
    description: `The checks ${which}. 1 to ${MAX_CHECKS}.`,
  }),
});

const COMMON = {
  mayUseCachedActor: true,
  permission: 'campaign:update',
  auditTarget: async (_ctx: Context, { campaignId }: Record<string, unknown>) =>
    decodeId(campaignId as string) ? (campaignId as string) : null,
  // The mutation counts as often as it has checks.
  complexity: ({ input }: { input?: { checks?: readonly unknown[] } }) => {
    const count = input?.checks?.length ?? 1;
    return { field: count, multiplier: Math.max(count, 1) };
  },
} as const;

const CAMPAIGN = { type: Campaign.type, description: 'The campaign.' } as const;
const ALL_OR_NONE =
  'Does nothing if there are errors. The path of an error is `checks` and the index of the check, from 0.';

/** The IDs of the checks that the caller can see. */
const idsOf = (ctx: Context, given: readonly GivenReference[]): Promise<GivenChecks> =>
  Promise.all(
    given.map(async (one) => {
      const row = await loadReferenced(ctx, Check, one);
      return row && canSee(ctx, Check, row) ? row.id : null;
    }),
  );

mutation('copyChecksToCampaign', {
  ...COMMON,
  description: `Copies up to ${MAX_CHECKS} checks of the rubric into a campaign. ${ALL_OR_NONE} A copy has no alias. It keeps everything else, such as the category, the settings and the filter. It applies to the services that match both its filter and that of the campaign. Later changes of the source do not change the copy. Returns INVALID for checks of campaigns and scorecards and for a campaign that has ended, and TAKEN if the campaign already has a copy of the check.`,
  input: (t) => inputOf(t, 'to copy'),
  results: {
    campaign: CAMPAIGN,
    checks: {
      type: [Check.type],
      complexity: { field: 1, multiplier: 1 },
      description: 'The copies, in the order of the input.',
    },
  },
  resolve: async ({ campaignId, checks }, ctx) =>
    await copyChecks(ctx, targetId('cmp', campaignId), await idsOf(ctx, checks as GivenReference[])),
});

mutation('removeChecksFromCampaign', {
  ...COMMON,
  description: `Deletes up to ${MAX_CHECKS} checks of a campaign with their results. ${ALL_OR_NONE} Returns INVALID for other checks.`,
  input: (t) => inputOf(t, 'of the campaign to delete'),
  results: { campaign: CAMPAIGN },
  resolve: async ({ campaignId, checks }, ctx) => ({
    campaign: await removeChecks(ctx, targetId('cmp', campaignId), await idsOf(ctx, checks as GivenReference[])),
  }),
});
