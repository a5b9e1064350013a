import { AmbitError, type UserError, userError } from '../../lib/errors.ts';
import { type FileRow, FileStopped } from './import-file.ts';
import { type ImportRow, rowOf } from './import-row.ts';

/** Rows that one transaction writes. */
const IMPORT_BATCH = 500;

/** Characters of the rows of one transaction, so that an import needs little memory. */
const BATCH_CHARACTERS = 2_000_000;

/** Rows with errors after which an import ends. A client that does not read the response gets at most these. */
const MAX_FAILED = 1_000;

/** Errors of one row that are sent. A row can have thousands of them. */
export const MAX_ERRORS = 20;

/** Dependencies on services of later rows. They are kept until the end of the file. */
const MAX_OPEN = 20_000;

interface RowError {
  readonly line: number;
  readonly errors: readonly UserError[];
}

interface Open {
  readonly line: number;
  readonly serviceId: string;
  readonly name: string;
}

export interface ImportWriter {
  rows(rows: readonly ImportRow[]): Promise<{ created: number; updated: number; failed: RowError[]; open: Open[] }>;
  dependencies(open: readonly Open[]): Promise<RowError[]>;
  /** The reason why the import ends. Throws an error that the client must not see. */
  reasonOf(error: unknown): { code: string; message: string };
}

export type ImportStep =
  | ({ type: 'error' } & RowError)
  | { type: 'progress'; line: number; rows: number; created: number; updated: number; failed: number }
  | {
      type: 'end';
      dryRun: boolean;
      rows: number;
      created: number;
      updated: number;
      failed: number;
      /** Null if the whole file was read. */
      stopped: { code: string; message: string; line: number | null } | null;
    };

/** Imports rows in batches as they arrive. Yields the errors of a batch, then the progress, and finally the result. */
export async function* importSteps(
  file: AsyncIterable<FileRow>,
  dryRun: boolean,
  writer: ImportWriter,
): AsyncGenerator<ImportStep> {
  const total = { rows: 0, created: 0, updated: 0, failed: 0 };
  const open: Open[] = [];
  let line = 0;

  async function* flush(batch: Batch): AsyncGenerator<ImportStep> {
    const { created, updated, failed, open: more } = await writer.rows(batch.rows);
    const errors = [...batch.errors, ...failed].sort((a, b) => a.line - b.line);
    total.created += created;
    total.updated += updated;
    open.push(...more);
    yield* report(errors);
    yield { type: 'progress', line, ...total };
  }

  function* report(errors: readonly RowError[]): Generator<ImportStep> {
    for (const error of errors) {
      total.failed += 1;
      yield { type: 'error', ...error, errors: error.errors.slice(0, MAX_ERRORS) };
      if (total.failed >= MAX_FAILED) throw new TooManyErrors(`${MAX_FAILED} rows have errors.`);
    }
  }

  try {
    for await (const { batch, rows, last } of batchesOf(file)) {
      total.rows += rows;
      line = last;
      while (open.length > MAX_OPEN) yield* report(await writer.dependencies(open.splice(0, IMPORT_BATCH)));
      yield* flush(batch);
    }
    // In a dry run, the services of earlier rows do not exist, so nothing is known about these.
    while (!dryRun && open.length > 0) yield* report(await writer.dependencies(open.splice(0, IMPORT_BATCH)));
    yield { type: 'end', dryRun, ...total, stopped: null };
  } catch (error) {
    yield { type: 'end', dryRun, ...total, stopped: stopOf(error, writer) };
  }
}

class TooManyErrors extends Error {
  override name = 'TooManyErrors';
}

function stopOf(error: unknown, writer: ImportWriter) {
  if (error instanceof FileStopped) return { code: error.reason, message: error.message, line: error.line };
  if (error instanceof TooManyErrors) return { code: 'TOO_MANY_ERRORS', message: error.message, line: null };
  return { ...writer.reasonOf(error), line: null };
}

interface Batch {
  readonly rows: ImportRow[];
  readonly errors: RowError[];
}

/**
 * Batches of rows of which no two are about one service: a batch ends before the second one, which then updates what the
 * first one has created.
 */
async function* batchesOf(file: AsyncIterable<FileRow>): AsyncGenerator<{ batch: Batch; rows: number; last: number }> {
  let batch: Batch = { rows: [], errors: [] };
  let keys = new Set<string>();
  let [count, characters, last] = [0, 0, 0];
  const cut = () => {
    const full = { batch, rows: count, last };
    batch = { rows: [], errors: [] };
    keys = new Set();
    [count, characters] = [0, 0];
    return full;
  };
  for await (const one of file) {
    const row = readRow(one);
    const own = 'keys' in row ? [...row.keys, `name ${row.name.trim().toLowerCase()}`] : [];
    const isFull = count >= IMPORT_BATCH || characters + one.characters > BATCH_CHARACTERS;
    if (count > 0 && (isFull || own.some((key) => keys.has(key)))) yield cut();
    if ('keys' in row) batch.rows.push(row);
    else batch.errors.push(row);
    for (const key of own) keys.add(key);
    count += 1;
    characters += one.characters;
    last = one.line;
  }
  if (count > 0) yield cut();
}

function readRow({ line, fields, problem }: FileRow): ImportRow | RowError {
  if (!fields || problem) {
    const { path, message } = problem ?? { path: [], message: 'is empty' };
    return { line, errors: [userError('INVALID', path, `${path.join('.') || 'row'}: ${message}.`)] };
  }
  try {
    return rowOf(line, fields);
  } catch (error) {
    if (error instanceof AmbitError && error.userErrors) return { line, errors: error.userErrors };
    throw error;
  }
}
