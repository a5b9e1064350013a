import type { LevelNumbers, NamedGroup } from '../../../resources/evaluation/maturity-report.ts';
import { type Part, stackedBar, swatch } from './bar.ts';
import { type Column, table } from './data-table.ts';
import { Fragment, h, type ReactElement, type ReactNode } from './element.ts';
import { count, number, percent } from './format.ts';
import { levelClass, NONE } from './palette.ts';

export interface LevelPart extends Part {
  readonly name: string;
}

/** The services of each level, highest level first. Those without a level are the last part. */
export function partsOf({ byLevel, none, services }: LevelNumbers, levels: readonly string[]): LevelPart[] {
  const part = (name: string, className: string, value: number): LevelPart => ({
    name,
    className,
    value,
    label: `${name}: ${count(value, 'service')}, ${percent(value, services)}`,
  });
  const parts = levels.map((name, at) => part(name, levelClass(at, levels.length), byLevel[at] ?? 0));
  return [...parts.reverse(), part('No level', NONE, none)];
}

const NOTHING: LevelNumbers = { services: 0, byLevel: [], none: 0 };

interface Groups {
  readonly caption: string;
  /** What the groups are, such as `Team`. */
  readonly of: string;
  readonly levels: readonly string[];
  readonly groups: readonly NamedGroup[];
  readonly hasBars?: boolean;
  /** The heading of a row. Defaults to the name of the group. */
  readonly headOf?: (group: NamedGroup) => ReactNode;
}

/** The number of services of each level, for each group. */
export function levelsTable({ caption, of, levels, groups, hasBars = true, headOf = nameOf }: Groups): ReactElement {
  const bar: Column = {
    head: h('span', { className: 'hidden' }, 'Share of each level'),
    label: '',
    className: 'share',
  };
  const columns: Column[] = [
    { head: of, label: of, className: 'name' },
    ...(hasBars ? [bar] : []),
    { head: 'Services', label: 'Services', className: 'number' },
    ...partsOf(NOTHING, levels).map(({ name, className }) => ({
      head: key(name, className),
      label: name,
      className: 'number',
    })),
  ];
  const rows = groups.map((group) => {
    const parts = partsOf(group, levels);
    const bars = hasBars ? [stackedBar(parts, group.services)] : [];
    return {
      head: headOf(group),
      cells: [...bars, number(group.services), ...parts.map(({ value }) => figure(value))],
    };
  });
  return table({ caption, columns, rows, className: 'levels' });
}

const nameOf = ({ name }: NamedGroup): string => name;

/** The colour and the name of the level at a position, from 0. */
export const levelKey = (at: number, levels: readonly string[]): ReactElement =>
  key(levels[at] ?? '', levelClass(at, levels.length));

const key = (name: string, className: string): ReactElement => h(Fragment, null, swatch(className), name);

/** A number. Zeros are less visible. */
export const figure = (value: number): ReactNode =>
  value === 0 ? h('span', { className: 'zero' }, '0') : number(value);

/** The numbers of one group with a line for each level. */
export const legend = (numbers: LevelNumbers, levels: readonly string[], caption: string): ReactElement =>
  table({
    caption,
    className: 'legend',
    columns: [
      { head: 'Level', label: 'Level', className: 'name' },
      { head: 'Services', label: 'Services', className: 'number' },
      { head: 'Share', label: 'Share', className: 'number' },
    ],
    rows: partsOf(numbers, levels).map(({ name, className, value }) => ({
      head: key(name, className),
      cells: [figure(value), percent(value, numbers.services)],
    })),
  });
