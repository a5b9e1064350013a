import type { CampaignReport, DayProgress } from '../../../../resources/campaign/campaign-report.ts';
import type { Progress } from '../../../../resources/campaign/table.ts';
import { h, type ReactElement } from '../element.ts';
import { date, isoDay, percent } from '../format.ts';
import { empty, section } from '../parts.ts';
import { trendChart } from '../trend.ts';
import { progressTable } from './progress.ts';

const shareOf = ({ services, passingServices }: Progress): number => (services === 0 ? 0 : passingServices / services);

export function trend({ days, targetAt }: CampaignReport): ReactElement {
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
