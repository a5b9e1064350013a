import { stringify } from 'csv-stringify/sync';
import type { ExportedEvent } from './export.ts';

/** A file format of exports. */
export interface ExportFormat {
  mediaType: string;
  /** The text before the first event. */
  head: string;
  lines(events: readonly ExportedEvent[]): string;
}

/** The columns of a CSV file, in this order. New ones are added at the end, because clients may refer to positions. */
const COLUMNS = [
  'id',
  'createdAt',
  'action',
  'permission',
  'outcome',
  'reason',
  'dryRun',
  'actorKind',
  'actorId',
  'userId',
  'actorName',
  'actorEmail',
  'role',
  'credentialKind',
  'credentialId',
  'targetId',
  'targetIds',
  'before',
  'after',
  'related',
  'input',
  'requestId',
  'ipAddress',
] as const satisfies readonly (keyof ExportedEvent)[];

/** Null is an empty cell, and a value that is not a scalar is JSON. */
const cellOf = (value: unknown): string => {
  if (value == null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

/**
 * RFC 4180. A spreadsheet executes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return, so such a cell
 * gets an apostrophe in front (https://owasp.org/www-community/attacks/CSV_Injection).
 */
export const csvLines = (rows: readonly (readonly string[])[]): string =>
  stringify(rows as string[][], { escape_formulas: true, record_delimiter: 'windows', quoted_match: /[\r\n]/ });

export const CSV: ExportFormat = {
  mediaType: 'text/csv; charset=utf-8; header=present',
  head: csvLines([COLUMNS]),
  lines: (events) => csvLines(events.map((event) => COLUMNS.map((column) => cellOf(event[column])))),
};

/** One JSON object for each line. */
export const JSONL: ExportFormat = {
  mediaType: 'application/jsonl; charset=utf-8',
  head: '',
  lines: (events) => events.map((event) => `${JSON.stringify(event)}\n`).join(''),
};
