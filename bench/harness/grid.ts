import { format } from './table.ts';

/** A group of columns with a common title. */
export interface Group {
  title: string;
  columns: string[];
}

export interface Row {
  name: string;
  /** The cells of each group. */
  cells: number[][];
  /** A remark behind the cells. */
  note?: string;
}

const BARS = '▁▂▃▄▅▆▇█';

/** Formats rows with groups of columns as aligned text. With `bars`, each group ends with a bar for each of its cells. */
export function grid(groups: Group[], rows: Row[], { bars = false, text = format } = {}): string {
  const blocks = groups.map(({ title, columns }, at) => {
    const cells = rows.map((row) => (row.cells[at] ?? []).map(text));
    const widths = columns.map((column, n) => Math.max(column.length, ...cells.map((of) => (of[n] ?? '').length)));
    const line = (of: string[]): string => of.map((cell, n) => cell.padStart(widths[n] ?? 0)).join('  ');
    const drawn = rows.map((row, n) => `${line(cells[n] ?? [])}${bars ? `  ${barsOf(row, at)}` : ''}`);
    const width = Math.max(title.length, ...drawn.map((one) => one.length));
    return [title, line(columns), ...drawn].map((one) => one.padEnd(width));
  });
  const names = ['', '', ...rows.map(({ name }) => name)];
  const notes = ['', '', ...rows.map(({ note = '' }) => note)];
  const width = Math.max(...names.map((name) => name.length));
  return names
    .map((name, n) => [`  ${name.padEnd(width)}`, ...blocks.map((block) => block[n] ?? ''), notes[n]].join('   '))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Bars of one row begin at 0 and have the same scale in all groups. */
function barsOf({ cells }: Row, group: number): string {
  const largest = Math.max(...cells.flat());
  return (cells[group] ?? []).map((cell) => BARS[Math.max(Math.ceil((cell / largest) * BARS.length) - 1, 0)]).join('');
}
