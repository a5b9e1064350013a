import { h, type ReactElement, type ReactNode } from './element.ts';
import { number } from './format.ts';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly className?: string;
  /** What the section shows, in one sentence. */
  readonly about?: ReactNode;
}

/** A part of the page with a heading. */
export const section = ({ id, title, className, about }: Section, ...content: readonly ReactNode[]): ReactElement =>
  h(
    'section',
    { 'aria-labelledby': id, className: `card ${className ?? ''}`.trim() },
    h('h2', { id }, title),
    about && h('p', { className: 'about' }, about),
    ...content,
  );

/** A number that matters, with its meaning. */
export const tile = (label: string, value: ReactNode, note: ReactNode = null): ReactElement =>
  h(
    'div',
    { className: 'tile' },
    h('dt', null, label),
    h('dd', null, h('strong', null, value), note && h('span', null, note)),
  );

export const tiles = (...items: readonly ReactNode[]): ReactElement => h('dl', { className: 'tiles' }, ...items);

export const empty = (text: ReactNode): ReactElement => h('p', { className: 'empty' }, text);

/** A cell without a value. */
export const NOTHING = h('span', { className: 'zero' }, '–');

/** The last item of a list that is not complete. */
export const more = (others: number): ReactNode =>
  others > 0 ? h('li', { className: 'tag' }, `and ${number(others)} more`) : null;
