import type { Paged } from '../../../lib/paged.ts';
import type {
  LevelNumbers,
  MaturityReport,
  NamedGroup,
  TrendDay,
} from '../../../resources/evaluation/maturity-report.ts';
import type { NextStep, NextSteps } from '../../../resources/evaluation/next-steps.ts';
import type { ReportPage } from '../report.ts';
import { type Part, stackedBar } from './bar.ts';
import { Fragment, h, list, type ReactElement, type ReactNode } from './element.ts';
import { count, date, isoDay, number, percent } from './format.ts';
import { legend, levelsTable, partsOf } from './levels-table.ts';
import { paging } from './paging.ts';
import { levelClass } from './palette.ts';
import { empty, section, tile, tiles } from './parts.ts';
import { type Line, trendChart } from './trend.ts';

/** The links of the page. */
export interface MaturityLinks {
  readonly csv: string;
  readonly days: (days: number) => string;
  readonly teams: (page: number) => string;
}

/** How many days the trend can show. */
export const TREND_DAYS: readonly number[] = [30, 90, 365];

export interface MaturityPage {
  readonly report: MaturityReport;
  readonly days: number;
  readonly links: MaturityLinks;
}

/** The levels of all services. */
export const maturityPage = (page: MaturityPage): ReportPage => ({
  title: 'Maturity',
  section: 'maturity',
  about: `The levels of ${count(page.report.overall.services, 'service')} in the rubric.`,
  links: h('a', { href: page.links.csv, download: true }, 'Download as CSV'),
  body: page.report.overall.services === 0 ? empty(NOTHING) : content(page),
});

const NOTHING = 'There are no services that you can read.';

const content = ({ report, days, links }: MaturityPage): ReactElement =>
  h(
    Fragment,
    null,
    summary(report),
    h('div', { className: 'columns' }, now(report), trend(report, days, links)),
    report.next && nextSteps(report.next),
    report.categories && report.categories.length > 0 && byCategory(report.categories, report.levels),
    report.teams && byTeam(report.teams, report.levels, links),
  );

const byCategory = (groups: readonly NamedGroup[], levels: readonly string[]): ReactElement =>
  section(
    {
      id: 'categories',
      title: 'Categories',
      about: 'The services to which at least one check of the category applies.',
    },
    levelsTable({ caption: 'Services of each level, by category', of: 'Category', levels, groups }),
  );

const byTeam = (teams: Paged<NamedGroup>, levels: readonly string[], links: MaturityLinks): ReactElement =>
  section(
    { id: 'teams', title: 'Teams', about: 'The services that a team owns, without those of its child teams.' },
    levelsTable({
      caption: 'Services of each level, by team',
      of: 'Team',
      levels,
      groups: teams.items,
    }),
    paging(teams, { of: 'team', href: links.teams, id: 'teams' }),
  );

function summary({ overall, levels, next, trend: days }: MaturityReport): ReactElement {
  const first = days?.[0];
  const difference = first && first.services > 0 ? aboveLowest(overall) - aboveLowest(first) : null;
  return tiles(
    tile(
      'Services',
      number(overall.services),
      overall.none > 0 ? `${number(overall.none)} without a level` : 'all with a level',
    ),
    tile(
      `Above level ${levels[0] ?? '–'}`,
      percent(Math.round(aboveLowest(overall) * overall.services), overall.services),
      difference === null ? null : change(difference, first?.day),
    ),
    next &&
      tile(
        'One check from the next level',
        number(next.closest),
        `${percent(next.closest, overall.services)} of all services`,
      ),
  );
}

/** The share of services above the lowest level. */
const aboveLowest = ({ byLevel, services }: LevelNumbers): number =>
  byLevel.slice(1).reduce((sum, one) => sum + one, 0) / services;

/** The change since a day, in percentage points. */
function change(difference: number, since: Date | undefined): string {
  const points = Math.round(difference * 100);
  const sign = points > 0 ? '▲ up' : points < 0 ? '▼ down' : 'no change';
  const amount = points === 0 ? '' : ` ${count(Math.abs(points), 'point')}`;
  return `${sign}${amount} since ${since ? date(since) : ''}`;
}

const now = ({ overall, levels }: MaturityReport): ReactElement =>
  section(
    { id: 'now', title: 'Today' },
    stackedBar(partsOf(overall, levels), overall.services, { id: 'overall', title: 'Services by level' }),
    legend(overall, levels, 'Services by level'),
  );

/** For each level, the share of services that have at least this level. From the lowest, whose line is the highest. */
function linesOf(days: readonly TrendDay[], levels: readonly string[]): Line[] {
  const atLeast = ({ byLevel, services }: TrendDay, from: number): number =>
    services === 0 ? 0 : byLevel.slice(from).reduce((sum, one) => sum + one, 0) / services;
  return levels.map((name, at) => ({
    name,
    className: levelClass(at, levels.length),
    shares: days.map((day) => atLeast(day, at)),
  }));
}

function trend({ trend: days, levels }: MaturityReport, shown: number, links: MaturityLinks): ReactElement {
  if (days === null || days.length === 0)
    return section({ id: 'trend', title: 'Trend' }, empty(days === null ? HIDDEN : NO_DAYS));
  return section(
    { id: 'trend', title: 'Trend', about: 'The share of services that have at least this level.' },
    periods(shown, links),
    trendChart({
      id: 'levels-trend',
      title: 'Trend of the levels',
      description: described(days, levels),
      days: days.map(({ day }) => day),
      lines: linesOf(days, levels),
    }),
    h('details', null, h('summary', null, 'Show the numbers of the trend'), dayTable(days, levels)),
  );
}

const HIDDEN =
  'The trend counts all services, but you can read the results of some services only. It is therefore not shown.';
const NO_DAYS = 'No numbers are stored yet.';

const periods = (shown: number, links: MaturityLinks): ReactElement =>
  h(
    'p',
    { className: 'options' },
    list(
      TREND_DAYS.map((one) =>
        h('a', { href: `${links.days(one)}#trend`, 'aria-current': one === shown ? 'true' : undefined }, `${one} days`),
      ),
    ),
  );

const dayTable = (days: readonly TrendDay[], levels: readonly string[]): ReactElement =>
  levelsTable({
    caption: 'Services of each level, by day',
    of: 'Day',
    hasBars: false,
    levels,
    groups: [...days].reverse().map((day) => ({ ...day, id: null, name: isoDay(day.day) })),
  });

/** The first and the last values of the lines in words. */
function described(days: readonly TrendDay[], levels: readonly string[]): string {
  const [first, last] = [days[0], days.at(-1)];
  const sentences = linesOf(days, levels).map(
    ({ name, shares }) =>
      `${name} or higher: ${Math.round((shares[0] ?? 0) * 100)}% on the first day, ${Math.round((shares.at(-1) ?? 0) * 100)}% on the last day.`,
  );
  return [`From ${first ? date(first.day) : ''} to ${last ? date(last.day) : ''}.`, ...sentences].join(' ');
}

const ABOUT_STEPS = 'The checks that prevent most services from reaching their next level.';

/** The checks that prevent services from having their next level. */
function nextSteps({ steps, unknown }: NextSteps): ReactElement {
  const most = Math.max(...steps.map(({ services }) => services), 1);
  return section(
    { id: 'next', title: 'What to do next', about: steps.length > 0 && ABOUT_STEPS },
    unknown > 0 && h('p', { className: 'about' }, notCounted(unknown)),
    steps.length > 0
      ? h('ol', { className: 'steps' }, list(steps.map((step) => h('li', null, stepOf(step, most)))))
      : unknown === 0 && empty('No check prevents a service from reaching its next level.'),
  );
}

const notCounted = (unknown: number): string =>
  `Without ${count(unknown, 'service')} that Ambit has not evaluated since its upgrade. It does so within an hour.`;

const stepOf = ({ check, category, level, services, decisive }: NextStep, most: number): ReactElement =>
  h(
    Fragment,
    null,
    h(
      'p',
      null,
      h('strong', null, check),
      ' ',
      h('span', { className: 'tag' }, [category, level].filter(Boolean).join(', level ')),
    ),
    stackedBar(barOf(services, decisive), most),
    h(
      'p',
      { className: 'about' },
      `${count(services, 'service')} ${services === 1 ? 'fails' : 'fail'} it. `,
      soleOf(decisive),
    ),
  );

const barOf = (services: number, decisive: number): Part[] => [
  { label: `Only this check is missing: ${count(decisive, 'service')}`, className: 'strong', value: decisive },
  {
    label: `Other checks are missing too: ${count(services - decisive, 'service')}`,
    className: 'weak',
    value: services - decisive,
  },
];

const soleOf = (decisive: number): ReactNode =>
  decisive === 0
    ? 'All of them fail other checks too.'
    : h(
        Fragment,
        null,
        h('b', null, number(decisive)),
        ` ${decisive === 1 ? 'needs' : 'need'} nothing else for the next level.`,
      );
