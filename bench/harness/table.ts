import type { Judged, Report } from './result.ts';

/** Formats a number with at least three significant digits, and with a comma for thousands. */
export const format = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);

/** Formats the result as aligned text. */
export function table({ workload, what, unit, outcomes }: Report, targets: Judged[]): string {
  const reference = outcomes[0]?.median ?? Number.NaN;
  const details = Object.keys(outcomes[0]?.details ?? {});
  const head = ['', unit, `× ${outcomes[0]?.name}`, 'spread', ...details];
  const rows = outcomes.map(({ name, median, all, details: own }) => [
    name,
    format(median),
    (median / reference).toFixed(2),
    `${format(Math.min(...all))} – ${format(Math.max(...all))}`,
    ...details.map((key) => format(own[key] ?? Number.NaN)),
  ]);
  const verdicts = targets.map(({ met, text }) => `  ${met ? 'met   ' : 'MISSED'}  ${text}`);
  return [`${workload}: ${what}`, ...align([head, ...rows]), ...verdicts, ''].join('\n');
}

function align(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => `  ${row.map(cell).join('  ')}`);
}
