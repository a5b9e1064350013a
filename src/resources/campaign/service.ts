import { and, gt, gte, isNotNull, isNull, lt, lte, or, type SQL } from 'drizzle-orm';
import { campaigns } from './table.ts';

export type CampaignRow = typeof campaigns.$inferSelect;

export const CAMPAIGN_STATUSES = ['DRAFT', 'SCHEDULED', 'IN_PROGRESS', 'DELAYED', 'ENDED'] as const;
export type CampaignStatus = (typeof CAMPAIGN_STATUSES)[number];

type Times = Pick<CampaignRow, 'startAt' | 'targetAt' | 'endedAt'>;

/** A campaign begins at its start, and is delayed after its target until it is ended. */
export function statusOf({ startAt, targetAt, endedAt }: Times, time: Date): CampaignStatus {
  if (endedAt !== null) return 'ENDED';
  if (startAt === null) return 'DRAFT';
  if (startAt > time) return 'SCHEDULED';
  return targetAt !== null && targetAt < time ? 'DELAYED' : 'IN_PROGRESS';
}

/** Whether the results of the checks of the campaign change. Before, they have none. Afterwards, they stay as they are. */
export const isInProgress = (campaign: Times, time: Date): boolean =>
  ['IN_PROGRESS', 'DELAYED'].includes(statusOf(campaign, time));

/** The condition that a campaign has this status. */
export function statusIs(status: CampaignStatus, time: Date): SQL {
  const { startAt, targetAt, endedAt } = campaigns;
  if (status === 'ENDED') return isNotNull(endedAt);
  const conditions = {
    DRAFT: isNull(startAt),
    SCHEDULED: gt(startAt, time),
    DELAYED: and(lte(startAt, time), lt(targetAt, time)),
    IN_PROGRESS: and(lte(startAt, time), or(isNull(targetAt), gte(targetAt, time))),
  };
  return and(isNull(endedAt), conditions[status]) as SQL;
}
