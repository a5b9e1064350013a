import type { LevelNumbers, MaturityReport } from '../../../../resources/evaluation/maturity-report.ts';
import { stackedBar } from '../bar.ts';
import type { ReactElement } from '../element.ts';
import { count, date, number, percent } from '../format.ts';
import { legend, partsOf } from '../levels-table.ts';
import { section, tile, tiles } from '../parts.ts';

/** The numbers that matter most. */
export function summary({ overall, levels, next, trend: days }: MaturityReport): ReactElement {
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

export const now = ({ overall, levels }: MaturityReport): ReactElement =>
  section(
    { id: 'now', title: 'Today' },
    stackedBar(partsOf(overall, levels), overall.services, { id: 'overall', title: 'Services by level' }),
    legend(overall, levels, 'Services by level'),
  );
