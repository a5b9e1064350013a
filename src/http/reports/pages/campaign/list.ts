import type { Paged } from '../../../../lib/paged.ts';
import type { ListedCampaign } from '../../../../resources/campaign/campaign-list.ts';
import type { ReportPage } from '../../report.ts';
import { stackedBar } from '../bar.ts';
import { type Column, table } from '../data-table.ts';
import { Fragment, h, type ReactElement, type ReactNode } from '../element.ts';
import { count, number, percent } from '../format.ts';
import { paging } from '../paging.ts';
import { NONE } from '../palette.ts';
import { empty, NOTHING } from '../parts.ts';
import { badge, day, distance } from './status.ts';

export interface CampaignsPage {
  readonly campaigns: Paged<ListedCampaign>;
  readonly now: Date;
  readonly links: {
    readonly campaign: (id: string) => string;
    readonly page: (page: number) => string;
  };
}

const COLUMNS: readonly Column[] = [
  { head: 'Campaign', label: 'Campaign', className: 'name' },
  { head: 'Status', label: 'Status' },
  { head: 'Team', label: 'Team' },
  { head: 'Target', label: 'Target' },
  { head: h('span', { className: 'hidden' }, 'Share that passes'), label: '', className: 'share' },
  { head: 'Services that pass', label: 'Services that pass', className: 'number' },
];

/** All campaigns, with links to their reports. */
export const campaignsPage = (page: CampaignsPage): ReportPage => ({
  title: 'Campaigns',
  section: 'campaigns',
  about: 'Campaigns that have not ended come first, by their target. The numbers are at most an hour old.',
  body:
    page.campaigns.total === 0
      ? empty('There are no campaigns.')
      : h('div', { className: 'card', id: 'campaigns' }, tableOf(page), pagesOf(page)),
});

const tableOf = ({ campaigns, now, links }: CampaignsPage): ReactElement =>
  table({
    caption: 'Campaigns and their progress',
    columns: COLUMNS,
    className: 'levels campaigns',
    rows: campaigns.items.map((campaign) => ({
      head: h('a', { href: links.campaign(campaign.id) }, campaign.name),
      cells: [badge(campaign.status), campaign.team ?? NOTHING, target(campaign, now), ...progress(campaign)],
    })),
  });

const pagesOf = ({ campaigns, links }: CampaignsPage): ReactElement | null =>
  paging(campaigns, { of: 'campaign', href: links.page, id: 'campaigns' });

const target = ({ targetAt, endedAt }: ListedCampaign, now: Date): ReactNode =>
  targetAt ? h(Fragment, null, day(targetAt), endedAt ? null : ` (${distance(targetAt, now)})`) : NOTHING;

function progress({ progress: { services, passingServices } }: ListedCampaign): ReactNode[] {
  if (services === 0) return [null, NOTHING];
  const label = `${number(passingServices)} of ${count(services, 'service')}, ${percent(passingServices, services)}`;
  const parts = [
    { label: 'Pass', className: 'strong', value: passingServices },
    { label: 'Fail', className: NONE, value: services - passingServices },
  ];
  return [stackedBar(parts, services), label];
}
