import type { CampaignReport } from '../../../../resources/campaign/campaign-report.ts';
import type { CampaignStatus } from '../../../../resources/campaign/service.ts';
import { Fragment, h, type ReactElement, type ReactNode } from '../element.ts';
import { date } from '../format.ts';

const TEXTS: Record<CampaignStatus, string> = {
  DRAFT: 'Draft',
  SCHEDULED: 'Scheduled',
  IN_PROGRESS: 'In progress',
  DELAYED: 'Delayed',
  ENDED: 'Ended',
};

// Each status has a shape of its own, so that its meaning does not depend on the colour.
const SHAPES: Record<CampaignStatus, ReactElement> = {
  DRAFT: h('circle', { cx: 6, cy: 6, r: 4.5, className: 'hollow' }),
  SCHEDULED: h('path', { d: 'M6 1.5a4.5 4.5 0 1 0 .01 0M6 3.5V6l1.8 1.2', className: 'hollow' }),
  IN_PROGRESS: h('path', { d: 'M3 1.5v9L10.5 6z' }),
  DELAYED: h('path', { d: 'M6 1 11.5 11H.5z' }),
  ENDED: h('rect', { x: 2, y: 2, width: 8, height: 8, rx: 1 }),
};

/** The status of a campaign. */
export const badge = (status: CampaignStatus): ReactElement =>
  h(
    'span',
    { className: `badge ${status.toLowerCase().replace('_', '-')}` },
    h('svg', { width: 12, height: 12, viewBox: '0 0 12 12', 'aria-hidden': true, focusable: false }, SHAPES[status]),
    TEXTS[status],
  );

export const day = (time: Date): ReactElement => h('time', { dateTime: time.toISOString() }, date(time));

const DAY = 86_400_000;

/** The distance of two days in UTC, such as `in 3 days`. */
export function distance(target: Date, now: Date): string {
  const days = Math.floor(target.getTime() / DAY) - Math.floor(now.getTime() / DAY);
  if (days === 0) return 'today';
  const amount = `${Math.abs(days)} ${Math.abs(days) === 1 ? 'day' : 'days'}`;
  return days > 0 ? `in ${amount}` : `${amount} ago`;
}

type Times = Pick<CampaignReport, 'startAt' | 'targetAt' | 'endedAt'>;

/** The times of a campaign as sentences. */
export function times({ startAt, targetAt, endedAt }: Times, now: Date): ReactNode {
  const began = startAt && h(Fragment, null, startAt > now ? 'Starts on ' : 'Started on ', day(startAt), '. ');
  const target =
    targetAt && h(Fragment, null, 'The target is ', day(targetAt), endedAt ? '. ' : ` (${distance(targetAt, now)}). `);
  return h(Fragment, null, began, target, endedAt && h(Fragment, null, 'Ended on ', day(endedAt), '. '));
}
