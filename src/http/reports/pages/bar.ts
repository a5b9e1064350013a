import { h, list, type ReactElement } from './element.ts';
import { NONE } from './palette.ts';

export interface Part {
  readonly label: string;
  readonly className: string;
  readonly value: number;
}

/** Definitions that the charts of a page refer to. */
export const patterns = (): ReactElement =>
  h(
    'svg',
    { className: 'defs', width: 0, height: 0, 'aria-hidden': true, focusable: false },
    h(
      'defs',
      null,
      h(
        'pattern',
        { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
        h('rect', { className: 'hatch-ground', width: 6, height: 6 }),
        h('rect', { className: 'hatch-line', width: 2, height: 6 }),
      ),
    ),
  );

const fillOf = (className: string): { className: string; fill?: string } =>
  className === NONE ? { className, fill: 'url(#hatch)' } : { className };

/** The key of a colour. */
export const swatch = (className: string): ReactElement =>
  h(
    'svg',
    { className: 'swatch', width: 12, height: 12, 'aria-hidden': true, focusable: false },
    h('rect', { ...fillOf(className), width: 12, height: 12, rx: 3 }),
  );

const share = (value: number, total: number): string => `${((value / total) * 100).toFixed(3)}%`;

/**
 * A bar of parts, each as long as its share of the total. Its numbers are next to it in a table. With a description, it is an
 * image of its own for screen readers.
 */
export function stackedBar(parts: readonly Part[], total: number, described?: { id: string; title: string }) {
  let before = 0;
  const rects = parts
    .filter(({ value }) => value > 0)
    .map(({ label, className, value }) => {
      const x = before;
      before += value;
      return h(
        'rect',
        { ...fillOf(className), x: share(x, total), y: 0, width: share(value, total), height: '100%' },
        h('title', null, label),
      );
    });
  const role = described
    ? { role: 'img', 'aria-labelledby': `${described.id}-title ${described.id}-desc` }
    : { 'aria-hidden': true };
  return h(
    'svg',
    { className: described ? 'bar large' : 'bar', width: '100%', focusable: false, ...role },
    described && h('title', { id: `${described.id}-title` }, described.title),
    described && h('desc', { id: `${described.id}-desc` }, parts.map(({ label }) => label).join(', ')),
    list(rects),
  );
}
