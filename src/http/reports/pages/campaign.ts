import type { Paged } from '../../../lib/paged.ts';
import type {
  CampaignReport,
  CheckProgress,
  DayProgress,
  TeamProgress,
} from '../../../resources/campaign/campaign-report.ts';
import type { FailingService } from '../../../resources/campaign/failing.ts';
import type { CampaignResult } from '../../../resources/campaign/results.ts';
import type { Progress } from '../../../resources/campaign/table.ts';
import type { ReportPage } from '../report.ts';
import { type Part, stackedBar } from './bar.ts';
import { type Column, table } from './data-table.ts';
import { Fragment, h, list, type ReactElement, type ReactNode } from './element.ts';
import { count, date, isoDay, number, percent } from './format.ts';
import { figure } from './levels-table.ts';
import { markdown } from './markdown.ts';
import { paging } from './paging.ts';
import { NONE } from './palette.ts';
import { empty, section, tile, tiles } from './parts.ts';
import { badge, day, distance, times } from './status.ts';
import { trendChart } from './trend.ts';

export interface CampaignLinks {
  /** Null if the caller cannot read services. */
  readonly csv: string | null;
  readonly teams: (page: number) => string;
  readonly failing: (page: number) => string;
}

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
    campaign.checks && campaign.checks.length > 0 && byCheck(campaign.checks),
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

function summary({ progress, targetAt, endedAt }: CampaignReport, now: Date): ReactElement {
  const { services, passingServices, results, passingResults } = progress;
  return tiles(
    tile('Services that pass', percent(passingServices, services), `${number(passingServices)} of ${number(services)}`),
    tile('Checks that pass', percent(passingResults, results), `${number(passingResults)} of ${number(results)}`),
    endedAt
      ? tile('Ended', day(endedAt))
      : tile('Target', targetAt ? distance(targetAt, now) : 'none', targetAt && day(targetAt)),
  );
}

const parts = (passing: number, all: number, of: string): Part[] => [
  { label: `Pass: ${count(passing, of)}, ${percent(passing, all)}`, className: 'strong', value: passing },
  { label: `Fail: ${count(all - passing, of)}, ${percent(all - passing, all)}`, className: NONE, value: all - passing },
];

const current = ({ services, passingServices, results, passingResults }: Progress): ReactElement =>
  section(
    { id: 'now', title: 'Now' },
    h('h3', null, 'Services'),
    stackedBar(parts(passingServices, services, 'service'), services, {
      id: 'by-service',
      title: 'Services that pass',
    }),
    h(
      'p',
      { className: 'about' },
      `${number(passingServices)} pass all checks, ${number(services - passingServices)} fail at least one.`,
    ),
    h('h3', null, 'Checks'),
    stackedBar(parts(passingResults, results, 'check'), results, { id: 'by-check', title: 'Checks that pass' }),
    h('p', { className: 'about' }, `${number(passingResults)} pass, ${number(results - passingResults)} fail.`),
  );

const shareOf = ({ services, passingServices }: Progress): number => (services === 0 ? 0 : passingServices / services);

function trend({ days, targetAt }: CampaignReport): ReactElement {
  if (days.length === 0) return section({ id: 'trend', title: 'Trend' }, empty('No numbers are stored yet.'));
  const [first, last] = [days[0], days.at(-1)] as [DayProgress, DayProgress];
  return section(
    { id: 'trend', title: 'Trend', about: 'The share of services that pass all checks.' },
    trendChart({
      id: 'campaign-trend',
      title: 'Trend of the services that pass',
      description: `${percent(first.passingServices, first.services)} on ${date(first.day)}, ${percent(last.passingServices, last.services)} on ${date(last.day)}.`,
      days: days.map((one) => one.day),
      lines: [{ name: 'Pass', className: 'strong', shares: days.map(shareOf) }],
      mark: targetAt && { day: targetAt, label: 'Target' },
    }),
    h('details', null, h('summary', null, 'Show the numbers of the trend'), dayTable(days)),
  );
}

const dayTable = (days: readonly DayProgress[]): ReactElement =>
  progressTable(
    'Progress by day',
    'Day',
    [...days].reverse().map((one) => ({ ...one, name: isoDay(one.day) })),
  );

const COLUMNS: readonly Column[] = [
  { head: h('span', { className: 'hidden' }, 'Share that passes'), label: '', className: 'share' },
  { head: 'Services', label: 'Services', className: 'number' },
  { head: 'Pass', label: 'Pass', className: 'number' },
  { head: 'Fail', label: 'Fail', className: 'number' },
  { head: 'Share', label: 'Share', className: 'number' },
];

const progressTable = (caption: string, of: string, rows: readonly (Progress & { name: string })[]): ReactElement =>
  table({
    caption,
    className: 'levels',
    columns: [{ head: of, label: of, className: 'name' }, ...COLUMNS],
    rows: rows.map(({ name, services, passingServices }) => ({
      head: name,
      cells: [
        stackedBar(parts(passingServices, services, 'service'), services),
        number(services),
        figure(passingServices),
        figure(services - passingServices),
        percent(passingServices, services),
      ],
    })),
  });

const byTeam = (teams: Paged<TeamProgress>, links: CampaignLinks): ReactElement =>
  section(
    {
      id: 'teams',
      title: 'Teams',
      about: 'The services of each team that pass all checks. The teams with the most failing services come first.',
    },
    progressTable('Progress by team', 'Team', teams.items),
    paging(teams, { of: 'team', href: links.teams, id: 'teams' }),
  );

const byCheck = (checks: readonly CheckProgress[]): ReactElement =>
  section(
    { id: 'checks', title: 'Checks', about: 'The services that pass each check of the campaign.' },
    progressTable(
      'Services that pass, by check',
      'Check',
      checks.map(({ name, results, passingResults }) => ({
        name,
        results,
        passingResults,
        services: results,
        passingServices: passingResults,
      })),
    ),
  );

const failingServices = (failing: Paged<FailingService>, links: CampaignLinks): ReactElement =>
  section(
    {
      id: 'failing',
      title: 'Failing services',
      about: failing.total > 0 && 'The services with the most failing checks come first.',
    },
    failing.total === 0 && failing.page === 1
      ? empty('All services pass all checks of the campaign.')
      : table({
          caption: 'Failing services and the checks that they fail',
          className: 'failing',
          columns: [
            { head: 'Service', label: 'Service', className: 'name' },
            { head: 'Team', label: 'Team' },
            { head: 'Failing checks', label: 'Failing checks', className: 'text' },
          ],
          rows: failing.items.map(({ name, team, failing: all, results }) => ({
            head: name,
            cells: [
              team ?? h('span', { className: 'zero' }, 'none'),
              h('ul', null, list([...results.map(resultOf), more(all - results.length)])),
            ],
          })),
        }),
    paging(failing, { of: 'service', href: links.failing, id: 'failing' }),
  );

const resultOf = ({ check, status, message, since }: CampaignResult): ReactNode =>
  h(
    'li',
    null,
    h('b', null, check ?? 'A check'),
    ' ',
    h('span', { className: 'tag' }, status === 'PENDING' ? 'pending since ' : 'since ', day(since)),
    message && markdown(message),
  );

const more = (others: number): ReactNode =>
  others > 0 ? h('li', { className: 'tag' }, `and ${number(others)} more`) : null;
