import { makePgArray } from 'drizzle-orm/pg-core';
import { parsePgArray } from 'drizzle-orm/pg-core/utils/array';
import type { Column, RowList } from 'postgres';

/** The connection that pg-boss expects. */
export interface JobExecutor {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

type Result = RowList<Record<string, unknown>[]>;

/** Sends a statement or a script, with a connection or in a transaction of its own. */
type Send = (text: string, values: never[], options: { prepare: boolean }) => PromiseLike<unknown>;

interface ExecutorOptions {
  /** Converts objects. Defaults to text, for connections that send JSON unchanged. */
  readonly toJson?: (value: object) => unknown;
  /** Called when a statement was sent. */
  readonly onSent?: () => void;
}

/** A statement. The driver sends it when `then` is called. */
type Send = (text: string, params: never[], options: { prepare: boolean }) => PromiseLike<unknown>;

/** Runs the statements of pg-boss with `send`. It was written for another driver, so values are converted. */
export const jobExecutor = (send: Send, { toJson = JSON.stringify, onSent }: ExecutorOptions = {}): JobExecutor => ({
  async executeSql(text, values = []) {
    const params = values.map((value) => encode(value, toJson));
    // `then` sends the statement, and `await` would send it later.
    const answer = send(text, params as never[], { prepare: params.length > 0 }).then((rows: unknown) => rows);
    onSent?.();
    const result = (await answer) as Result | Result[];
    // A script has one result per statement.
    return isScript(result) ? { rows: result.flatMap(rowsOf) } : { rows: rowsOf(result) };
  },
});

const isScript = (result: Result | Result[]): result is Result[] => !('columns' in result);

/** A script of pg-boss begins and ends a transaction. Returns its statements, for a transaction that is already open. */
export const withoutTransaction = (script: string): string =>
  script.replace(/^\s*BEGIN;/, '').replace(/COMMIT;?\s*$/, '');

function encode(value: unknown, toJson: (value: object) => unknown): unknown {
  if (Array.isArray(value)) return makePgArray(value);
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' && value !== null ? toJson(value) : (value ?? null);
}

/** Decoders of the types that the driver returns as text, by their OID. */
const DECODE: Record<number, (text: string) => unknown> = {
  114: JSON.parse,
  3802: JSON.parse,
  1009: parsePgArray,
  2951: parsePgArray,
  1114: (text) => new Date(text),
  1184: (text) => new Date(text),
};

function rowsOf(result: Result): Record<string, unknown>[] {
  const columns = (result.columns ?? []) as Column<string>[];
  const encoded = columns.filter(({ type }) => DECODE[type]);
  if (encoded.length === 0) return [...result];
  return result.map((row) => {
    const decoded = encoded
      .filter(({ name }) => typeof row[name] === 'string')
      .map(({ name, type }) => [name, DECODE[type]?.(row[name] as string)] as const);
    return { ...row, ...Object.fromEntries(decoded) };
  });
}
