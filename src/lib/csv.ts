import { stringify } from 'csv-stringify/sync';

/**
 * A spreadsheet executes a cell that begins with one of these characters, so such a cell gets an apostrophe in front
 * (https://owasp.org/www-community/attacks/CSV_Injection). A cell that begins with apostrophes and then one of them gets one
 * more, so that an import restores each cell exactly.
 */
const FORMULA = /^'*[=+\-@\t\r＝＋－＠]/;
const ESCAPED = /^'+[=+\-@\t\r＝＋－＠]/;

/** The text of a value in a file. */
export const cellOf = (value: unknown): string => {
  if (value == null) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return FORMULA.test(text) ? `'${text}` : text;
};

/** The text of a cell, without the apostrophe of the export. */
export const textOfCell = (cell: string): string => (ESCAPED.test(cell) ? cell.slice(1) : cell);

/** Lines of a file, with quotes where they are needed. */
export const csv = (rows: readonly (readonly string[])[]): string =>
  stringify(rows as string[][], { record_delimiter: 'windows', quoted_match: /[\r\n]/ });
