import type { MaturityReport, TrendDay } from '../../../../resources/evaluation/maturity-report.ts';
import { h, list, type ReactElement } from '../element.ts';
import { date, isoDay } from '../format.ts';
import { levelsTable } from '../levels-table.ts';
import { levelClass } from '../palette.ts';
import { empty, section } from '../parts.ts';
import { type Line, trendChart } from '../trend.ts';
import type { MaturityLinks } from './links.ts';

/** How many days the trend can show. */
export const TREND_DAYS = [30, 90, 365] as const;

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

export function trend({ trend: days, levels }: MaturityReport, shown: number, links: MaturityLinks): ReactElement {
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
