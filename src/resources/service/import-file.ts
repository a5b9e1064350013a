import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { textOfCell } from '../../lib/csv.ts';
import { COLUMNS, isColumn } from './record.ts';

/** Limits of an imported file. */
export const IMPORT_LIMITS = {
  /** Bytes of the whole file. */
  file: 100_000_000,
  /** Characters of one row. The properties of a service alone can have 820,000. */
  row: 1_000_000,
};

/** Why the rest of a file is not read. */
type StopReason = 'FILE_TOO_LARGE' | 'ROW_TOO_LONG' | 'INVALID_FILE' | 'UNKNOWN_COLUMN' | 'TIMEOUT';

export class FileStopped extends Error {
  override name = 'FileStopped';
  readonly reason: StopReason;
  readonly line: number | null;

  constructor(reason: StopReason, message: string, line: number | null = null) {
    super(message);
    this.reason = reason;
    this.line = line;
  }
}

/** A row of a file: its fields, or the reason why they cannot be read. */
export interface FileRow {
  /** The number of its first line, from 1. */
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>> | null;
  readonly problem: { readonly path: string[]; readonly message: string } | null;
  readonly characters: number;
}

export type FileFormat = 'csv' | 'jsonl';

/** Reads the rows of a file as they arrive. Nothing is read ahead of the rows that the caller has taken. */
export const rowsOfFile = (format: FileFormat, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<FileRow> =>
  format === 'csv' ? csvRows(textOf(chunks)) : jsonRows(textOf(chunks));

async function* textOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      if (bytes > IMPORT_LIMITS.file)
        throw new FileStopped('FILE_TOO_LARGE', `The file is larger than ${IMPORT_LIMITS.file} bytes.`);
      yield decoder.decode(chunk, { stream: true });
    }
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new FileStopped('INVALID_FILE', 'The file is not encoded in UTF-8.');
    throw error;
  }
}

async function* jsonRows(texts: AsyncIterable<string>): AsyncGenerator<FileRow> {
  let rest = '';
  let line = 0;
  for await (const text of texts) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const one of lines) {
      line += 1;
      const row = jsonRow(one, line);
      if (row) yield row;
    }
    refuseLong(rest, line + 1);
  }
  const last = jsonRow(rest, line + 1);
  if (last) yield last;
}

function refuseLong(text: string, line: number): void {
  if (text.length > IMPORT_LIMITS.row)
    throw new FileStopped('ROW_TOO_LONG', `A row is longer than ${IMPORT_LIMITS.row} characters.`, line);
}

/** Null for an empty line. */
function jsonRow(text: string, line: number): FileRow | null {
  refuseLong(text, line);
  if (text.trim() === '') return null;
  const problem = (message: string): FileRow => ({
    ...{ line, fields: null, characters: text.length },
    problem: { path: [], message },
  });
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return problem('must be a JSON object');
    const unknown = Object.keys(value).find((name) => !isColumn(name));
    if (unknown !== undefined)
      return { ...problem('there is no such field'), problem: { path: [unknown], message: 'there is no such field' } };
    return { line, fields: value as Record<string, unknown>, problem: null, characters: text.length };
  } catch {
    return problem('is not JSON');
  }
}

/**
 * Characters that the CSV parser gets at once. It creates an error, in 80 microseconds, for each record whose number of cells
 * differs from that of the first one, and stops only between these texts.
 */
const SLICE = 1_000;

async function* slicesOf(texts: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const text of texts)
    for (let at = 0; at < text.length; ) {
      const end = at + SLICE;
      // The halves of a surrogate pair must stay together.
      const next = /[\ud800-\udbff]/.test(text[end - 1] ?? '') ? end + 1 : end;
      yield text.slice(at, next);
      at = next;
    }
}

async function* csvRows(texts: AsyncIterable<string>): AsyncGenerator<FileRow> {
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    // Otherwise they are records with another number of cells.
    skip_empty_lines: true,
    max_record_size: IMPORT_LIMITS.row,
  });
  // The error of the source ends the iteration below.
  const piped = pipeline(Readable.from(slicesOf(texts)), parser as unknown as Transform).catch(
    (error: unknown) => error,
  );
  let header: string[] | null = null;
  let [end, counted] = [0, 0];
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      // The parser counts CRLF in a cell as two lines.
      const text = record.join(' ');
      const empty = Math.max(0, info.lines - counted - 1 - countOf(text, /[\r\n]/g));
      const line = end + 1 + empty;
      end = line + countOf(text, /\r\n|[\r\n]/g);
      counted = info.lines;
      const isEmpty = record.length === 1 && record[0] === '';
      if (isEmpty) continue;
      if (header) yield csvRow(header, record, line);
      else header = headerOf(record);
    }
  } catch (error) {
    const cause = (await Promise.race([piped, Promise.resolve(error)])) ?? error;
    throw csvProblem(cause, end - counted);
  }
}

const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** The error has the line at which the parser is. `difference` is that of the lines that it has counted twice. */
function csvProblem(error: unknown, difference: number): unknown {
  if (!(error instanceof CsvError)) return error;
  const line = Number((error as { lines?: number }).lines) + difference;
  return error.code === 'CSV_MAX_RECORD_SIZE'
    ? new FileStopped('ROW_TOO_LONG', `A row is longer than ${IMPORT_LIMITS.row} characters.`, line)
    : new FileStopped('INVALID_FILE', 'A quote is missing, or is not at the beginning or end of a cell.', line);
}

function headerOf(names: string[]): string[] {
  const wrong = names.find((name, at) => !isColumn(name) || names.indexOf(name) !== at);
  if (wrong !== undefined)
    throw new FileStopped('UNKNOWN_COLUMN', `The column “${wrong.slice(0, 100)}” does not exist, or exists twice.`, 1);
  return names;
}

function csvRow(header: readonly string[], cells: readonly string[], line: number): FileRow {
  const characters = cells.reduce((sum, cell) => sum + cell.length, 0);
  const problem = (path: string[], message: string): FileRow => ({
    ...{ line, fields: null, characters },
    problem: { path, message },
  });
  if (cells.length !== header.length) return problem([], `has ${cells.length} cells instead of ${header.length}`);
  const fields: Record<string, unknown> = {};
  for (const [at, name] of header.entries()) {
    const text = textOfCell(cells[at] as string);
    // An empty cell is no value, so it leaves the stored one unchanged.
    if (text === '') continue;
    if (!isColumn(name) || COLUMNS[name] !== 'json') fields[name] = text;
    else
      try {
        fields[name] = JSON.parse(text);
      } catch {
        return problem([name], 'is not JSON');
      }
  }
  return { line, fields, problem: null, characters };
}
