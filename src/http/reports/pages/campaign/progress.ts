import type { Progress } from '../../../../resources/campaign/table.ts';
import { type Part, stackedBar } from '../bar.ts';
import { type Column, table } from '../data-table.ts';
import { h, type ReactElement } from '../element.ts';
import { count, number, percent } from '../format.ts';
import { figure } from '../levels-table.ts';
import { NONE } from '../palette.ts';

/** The parts of a bar. */
export const progressParts = (passing: number, all: number, of: string): Part[] => [
  { label: `Pass: ${count(passing, of)}, ${percent(passing, all)}`, className: 'strong', value: passing },
  { label: `Fail: ${count(all - passing, of)}, ${percent(all - passing, all)}`, className: NONE, value: all - passing },
];

const COLUMNS: readonly Column[] = [
  { head: h('span', { className: 'hidden' }, 'Share that passes'), label: '', className: 'share' },
  { head: 'Services', label: 'Services', className: 'number' },
  { head: 'Pass', label: 'Pass', className: 'number' },
  { head: 'Fail', label: 'Fail', className: 'number' },
  { head: 'Share', label: 'Share', className: 'number' },
];

/** The services of each row that pass. */
export const progressTable = (
  caption: string,
  of: string,
  rows: readonly (Progress & { name: string })[],
): ReactElement =>
  table({
    caption,
    className: 'levels',
    columns: [{ head: of, label: of, className: 'name' }, ...COLUMNS],
    rows: rows.map(({ name, services, passingServices }) => ({
      head: name,
      cells: [
        stackedBar(progressParts(passingServices, services, 'service'), services),
        number(services),
        figure(passingServices),
        figure(services - passingServices),
        percent(passingServices, services),
      ],
    })),
  });
