import type { Paged } from '../../../../lib/paged.ts';
import type { CampaignReport } from '../../../../resources/campaign/campaign-report.ts';
import type { FailingService } from '../../../../resources/campaign/failing.ts';
import type { ReportPage } from '../../report.ts';
import { Fragment, h, type ReactElement } from '../element.ts';
import { markdown } from '../markdown.ts';
import { empty, section } from '../parts.ts';
import { failingServices } from './failing.ts';
import type { CampaignLinks } from './links.ts';
import { byCheck, byTeam } from './lists.ts';
import { badge, times } from './status.ts';
import { current, summary } from './summary.ts';
import { trend } from './trend.ts';

export interface CampaignPage {
  readonly campaign: CampaignReport;
  /** Null if the caller cannot read services. */
  readonly failing: Paged<FailingService> | null;
  readonly now: Date;
  readonly links: CampaignLinks;
}

/** The progress of a campaign. */
export const campaignPage = (page: CampaignPage): ReportPage => ({
  title: page.campaign.name,
  breadcrumbs: [{ text: 'Campaigns', href: page.links.all }],
  section: 'campaigns',
  heading: h(Fragment, null, page.campaign.name, ' ', badge(page.campaign.status)),
  about: about(page),
  links: page.links.csv && h('a', { href: page.links.csv, download: true }, 'Download as CSV'),
  body: content(page),
});

const about = ({ campaign: { team, filter, ...campaign }, now }: CampaignPage): ReactElement =>
  h(
    Fragment,
    null,
    team && h(Fragment, null, 'Team ', h('b', null, team), '. '),
    times(campaign, now),
    filter && h(Fragment, null, 'For services of the filter ', h('b', null, filter), '.'),
  );

function content({ campaign, failing, now, links }: CampaignPage): ReactElement {
  const hasResults = campaign.progress.services > 0;
  return h(
    Fragment,
    null,
    hasResults ? summary(campaign, now) : empty(WITHOUT_RESULTS[campaign.status]),
    campaign.brief && section({ id: 'brief', title: 'Brief' }, markdown(campaign.brief)),
    hasResults && h('div', { className: 'columns' }, current(campaign.progress), trend(campaign)),
    hasResults && campaign.teams && byTeam(campaign.teams, links),
    campaign.checks && (campaign.checks.total > 0 || campaign.checks.page > 1) && byCheck(campaign.checks, links),
    hasResults && failing && failingServices(failing, links),
  );
}

const NO_SERVICES = 'No check of the campaign applies to a service that you can read.';

const WITHOUT_RESULTS: Record<CampaignReport['status'], string> = {
  DRAFT: 'The campaign is a draft. Its checks have no results before it starts.',
  SCHEDULED: 'The campaign has not started. Its checks have no results yet.',
  IN_PROGRESS: NO_SERVICES,
  DELAYED: NO_SERVICES,
  ENDED: NO_SERVICES,
};
