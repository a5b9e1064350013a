import { createHash } from 'node:crypto';
import { getTableName } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { AmbitError } from '../lib/errors.ts';
import { isStorable, isStorableTime } from '../lib/storable.ts';
import type { Reader } from './reader.ts';

/** The value of a sort key in a cursor. */
export type SortValue = string | number | null;

/** A list in an order. A cursor is valid only for the same list in the same order. */
export interface Sorted<Row> {
  reader: Pick<Reader<Row>, 'table'>;
  /** What a cursor is bound to: the parent and the filter. It is not `where`, which may contain the current time. */
  asked: readonly unknown[];
  /** Sort keys. The last one must be unique, so that a cursor identifies one position. Null is after all other values. */
  order: readonly { column: PgColumn; key: (row: Row) => SortValue }[];
  descending?: boolean;
}

/** Binds a cursor to its list, because with another filter or order its position would be wrong. */
export function listKey<Row>({ reader, asked, order, descending }: Sorted<Row>): string {
  return digest([getTableName(reader.table), asked, order.map(({ column }) => column.name), descending ?? false]);
}

/** A short text for a list, which changes with everything in it. */
export function digest(list: unknown): string {
  // A filter of null is the same as an omitted filter.
  const text = JSON.stringify(list, (_key, value) => value ?? undefined);
  return createHash('sha256').update(text).digest('base64url').slice(0, 8);
}

export const encodeCursor = (key: string, values: SortValue[]): string =>
  Buffer.from(JSON.stringify([key, ...values])).toString('base64url');

const wrongCursor = (): AmbitError =>
  new AmbitError('BAD_REQUEST', 'This cursor belongs to another list, filter or order. Start from the first page.');

/** The sort keys in a cursor. Throws BAD_REQUEST if it is not a cursor of this list. */
export function decodeCursor(cursor: string, key: string, length: number): SortValue[] {
  const parts = parseJson(Buffer.from(cursor, 'base64url').toString());
  const isValid = Array.isArray(parts) && parts.length === length + 1 && parts[0] === key;
  if (!isValid || !parts.every(isSortValue)) throw wrongCursor();
  return parts.slice(1);
}

const isSortValue = (part: unknown): part is SortValue =>
  part === null || typeof part === 'string' || typeof part === 'number';

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The value of a sort key in a cursor, as the column takes it. A cursor contains a time as text. */
export function sortValue(column: PgColumn, value: SortValue): unknown {
  if (value === null && !column.notNull) return null;
  const sorted = column.dataType === 'date' && value !== null ? new Date(value) : value;
  // PostgreSQL would abort the transaction, and with it the other fields of the response.
  if (!isValueOf(column, sorted)) throw wrongCursor();
  return sorted;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function isValueOf(column: PgColumn, value: unknown): boolean {
  if (value instanceof Date) return isStorableTime(value);
  const type = column.getSQLType();
  if (typeof value === 'number') return column.dataType === 'number' && (type !== 'integer' || value === (value | 0));
  return column.dataType === 'string' && isStorable(value) && (type !== 'uuid' || UUID.test(String(value)));
}
