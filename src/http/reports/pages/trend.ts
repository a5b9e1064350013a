import { Fragment, h, list, type ReactElement, type ReactNode } from './element.ts';
import { shortDay } from './format.ts';
import { type Box, shareScale, spread, ticksOf, timeScale } from './scale.ts';

export interface Line {
  readonly name: string;
  readonly className: string;
  /** One share from 0 to 1 for each day. */
  readonly shares: readonly number[];
}

export interface Trend {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly days: readonly Date[];
  /** From the highest to the lowest. The area below a line has its colour, so each line must not cross the next one. */
  readonly lines: readonly Line[];
  /** A later day that the chart shows, such as the target of a campaign. */
  readonly mark?: { readonly day: Date; readonly label: string } | null;
}

interface Size {
  readonly className: string;
  readonly width: number;
  readonly height: number;
  readonly ticks: number;
}

// A chart that is scaled down has unreadable labels, so phones get a chart of their own size. The other one is not displayed.
const SIZES: readonly Size[] = [
  { className: 'chart on-wide', width: 720, height: 280, ticks: 7 },
  { className: 'chart on-narrow', width: 340, height: 240, ticks: 4 },
];
const LABELS = 104;
const LINE_HEIGHT = 16;

/** A line for each series. Each line has its name at its end. */
export const trendChart = (trend: Trend): ReactElement =>
  h(Fragment, null, list(SIZES.map((size, at) => chart(trend, size, `${trend.id}-${at}`))));

function chart(trend: Trend, { className, width, height, ticks }: Size, id: string): ReactElement {
  const box: Box = { left: 40, right: width - LABELS, top: 12, bottom: height - 28 };
  const [from, last] = [trend.days[0] ?? new Date(0), trend.days.at(-1) ?? new Date(0)];
  const to = trend.mark && trend.mark.day > last ? trend.mark.day : last;
  const x = timeScale(from, to, box);
  const y = shareScale(box);
  return h(
    'svg',
    {
      className,
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-labelledby': `${id}-title ${id}-desc`,
      focusable: false,
    },
    h('title', { id: `${id}-title` }, trend.title),
    h('desc', { id: `${id}-desc` }, trend.description),
    grid(box, y),
    days(ticksOf(from, to, ticks), box, x),
    trend.mark && mark(trend.mark, box, x),
    list(trend.lines.map((line) => area(line, trend.days, box, x, y))),
    list(trend.lines.map((line) => path(line, trend.days, x, y))),
    ends(trend.lines, box, x(last), y),
  );
}

type Scale<Value> = (value: Value) => number;

const grid = ({ left, right }: Box, y: Scale<number>): ReactNode =>
  list(
    [0, 0.25, 0.5, 0.75, 1].map((share) =>
      h(
        Fragment,
        null,
        h('line', { className: share === 0 ? 'axis' : 'grid', x1: left, x2: right, y1: y(share), y2: y(share) }),
        h('text', { className: 'tick', x: left - 8, y: y(share) + 4, textAnchor: 'end' }, `${share * 100}%`),
      ),
    ),
  );

const days = (ticks: readonly Date[], { bottom }: Box, x: Scale<Date>): ReactNode =>
  list(
    ticks.map((day) =>
      h('text', { className: 'tick', x: x(day), y: bottom + 20, textAnchor: 'middle' }, shortDay(day)),
    ),
  );

const mark = ({ day, label }: NonNullable<Trend['mark']>, { top, bottom }: Box, x: Scale<Date>): ReactElement =>
  h(
    Fragment,
    null,
    h('line', { className: 'mark', x1: x(day), x2: x(day), y1: top, y2: bottom }),
    h('text', { className: 'tick', x: x(day) - 6, y: top + 10, textAnchor: 'end' }, label),
  );

const pointsOf = ({ shares }: Line, all: readonly Date[], x: Scale<Date>, y: Scale<number>): string[] =>
  all.map((day, at) => `${x(day).toFixed(1)},${y(shares[at] ?? 0).toFixed(1)}`);

function area(line: Line, all: readonly Date[], { bottom }: Box, x: Scale<Date>, y: Scale<number>): ReactElement {
  const points = pointsOf(line, all, x, y);
  const [first, last] = [points[0]?.split(',')[0], points.at(-1)?.split(',')[0]];
  return h('polygon', {
    className: `area ${line.className}`,
    points: [`${first},${bottom}`, ...points, `${last},${bottom}`].join(' '),
  });
}

const path = (line: Line, all: readonly Date[], x: Scale<Date>, y: Scale<number>): ReactElement =>
  h('polyline', { className: `line ${line.className}`, points: pointsOf(line, all, x, y).join(' ') });

/** A point and the name at the end of each line. */
function ends(lines: readonly Line[], box: Box, x: number, y: Scale<number>): ReactNode {
  const heights = lines.map(({ shares }) => y(shares.at(-1) ?? 0));
  const labels = spread(heights, LINE_HEIGHT, box);
  return list(
    lines.map(({ name, className, shares }, at) =>
      h(
        Fragment,
        null,
        h('circle', { className: `end ${className}`, cx: x, cy: heights[at], r: 4 }),
        h(
          'text',
          { className: 'name', x: x + 10, y: (labels[at] ?? 0) + 4 },
          `${shortened(name)} ${Math.round((shares.at(-1) ?? 0) * 100)}%`,
        ),
      ),
    ),
  );
}

const MOST = 9;
const shortened = (name: string): string => (name.length > MOST + 1 ? `${name.slice(0, MOST)}…` : name);
