import { h, list, type ReactElement, type ReactNode } from './element.ts';

export interface Column {
  readonly head: ReactNode;
  /** Text of the heading, which narrow screens show in each cell. */
  readonly label: string;
  readonly className?: string;
}

export interface Row {
  /** The heading of the row. */
  readonly head: ReactNode;
  /** The other cells, one for each column after the first. */
  readonly cells: readonly ReactNode[];
}

export interface Table {
  readonly caption: string;
  /** Whether the caption is only for screen readers, because a heading says the same. */
  readonly isCaptionHidden?: boolean;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly className?: string;
}

/**
 * A table whose rows become blocks on narrow screens. The style then changes `display`, with which some browsers
 * do not expose it as a table to screen readers, so the roles are explicit.
 */
export const table = ({ caption, isCaptionHidden = true, columns, rows, className }: Table): ReactElement =>
  h(
    'table',
    { role: 'table', className: `rows ${className ?? ''}`.trim() },
    h('caption', { className: isCaptionHidden ? 'hidden' : undefined }, caption),
    h(
      'thead',
      { role: 'rowgroup' },
      h(
        'tr',
        { role: 'row' },
        list(
          columns.map(({ head, className: own }) =>
            h('th', { role: 'columnheader', scope: 'col', className: own }, head),
          ),
        ),
      ),
    ),
    h('tbody', { role: 'rowgroup' }, list(rows.map((row) => rowOf(row, columns)))),
  );

const rowOf = ({ head, cells }: Row, columns: readonly Column[]): ReactElement =>
  h(
    'tr',
    { role: 'row' },
    h('th', { role: 'rowheader', scope: 'row', className: columns[0]?.className }, head),
    list(
      cells.map((cell, at) =>
        h(
          'td',
          { role: 'cell', className: columns[at + 1]?.className, 'data-label': columns[at + 1]?.label || undefined },
          cell,
        ),
      ),
    ),
  );
