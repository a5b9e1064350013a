import { createHash } from 'node:crypto';
import { and, asc, count, desc, getTableName, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { AmbitError } from '../lib/errors.ts';
import { lazily } from '../lib/lazy.ts';
import { isStorable, isStorableTime } from '../lib/storable.ts';
import type { Db } from './client.ts';
import type { Reader } from './reader.ts';

export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 500;

export interface PageArgs {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

export interface ListOptions<Row> {
  reader: Reader<Row>;
  where: SQL;
  /** What a cursor is bound to: the parent and the filter. It is not `where`, which may contain the current time. */
  asked: readonly unknown[];
  /** Sort keys. The last one must be unique, so that a cursor identifies one position. */
  order: readonly { column: PgColumn; key: (row: Row) => string | number }[];
  descending?: boolean;
}

/** What a cursor depends on. */
type Sorted<Row> = Omit<ListOptions<Row>, 'reader' | 'where'> & { reader: Pick<Reader<Row>, 'table'> };

export interface Page<Row> {
  edges: { cursor: string; node: Row }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  totalCount: () => Promise<number>;
}

const badRequest = (message: string): AmbitError => new AmbitError('BAD_REQUEST', message);

/** Returns the validated page size. */
export function sizeOf({ first, last }: PageArgs): number {
  if (first != null && last != null) throw badRequest('Give `first` or `last`, not both.');
  const size = first ?? last ?? DEFAULT_PAGE;
  if (size < 0 || size > MAX_PAGE) throw badRequest(`A page has 0 to ${MAX_PAGE} items, not ${size}.`);
  return size;
}

/** Binds a cursor to its list, because with another filter or order its position would be wrong. */
export function listKey<Row>({ reader, asked, order, descending }: Sorted<Row>): string {
  return digest([getTableName(reader.table), asked, order.map(({ column }) => column.name), descending ?? false]);
}

function digest(list: unknown): string {
  // A filter of null is the same as an omitted filter.
  const text = JSON.stringify(list, (_key, value) => value ?? undefined);
  return createHash('sha256').update(text).digest('base64url').slice(0, 8);
}

export const encodeCursor = (key: string, values: (string | number)[]): string =>
  Buffer.from(JSON.stringify([key, ...values])).toString('base64url');

const WRONG_CURSOR = 'This cursor belongs to another list, filter or order. Start from the first page.';

function decodeCursor(cursor: string, key: string, length: number): (string | number)[] {
  const parts = parseJson(Buffer.from(cursor, 'base64url').toString());
  const good = Array.isArray(parts) && parts.length === length + 1 && parts[0] === key;
  if (!good || !parts.every((part) => typeof part === 'string' || typeof part === 'number'))
    throw badRequest(WRONG_CURSOR);
  return parts.slice(1);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The value of a sort key in a cursor, as the column takes it. A cursor contains a time as text. */
function sortValue(column: PgColumn, value: string | number): unknown {
  const sorted = column.dataType === 'date' ? new Date(value) : value;
  // PostgreSQL would abort the transaction, and with it the other fields of the response.
  if (!isValueOf(column, sorted)) throw badRequest(WRONG_CURSOR);
  return sorted;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function isValueOf(column: PgColumn, value: unknown): boolean {
  if (value instanceof Date) return isStorableTime(value);
  const type = column.getSQLType();
  if (typeof value === 'number') return column.dataType === 'number' && (type !== 'integer' || value === (value | 0));
  return column.dataType === 'string' && isStorable(value) && (type !== 'uuid' || UUID.test(String(value)));
}

/** Reads one page by keyset pagination. Its cost does not depend on its distance from the start. */
export async function listPage<Row>(db: Db, options: ListOptions<Row>, args: PageArgs): Promise<Page<Row>> {
  const size = sizeOf(args);
  const where = and(options.where, between(options, args));
  const rows = await options.reader.read(db, sql`where ${where} ${ordered(options, args)} limit ${size + 1}`);
  return pageOf(rows, options, args, async () => {
    const [total] = await db.select({ total: count() }).from(options.reader.table).where(options.where);
    return total?.total ?? 0;
  });
}

/** The condition that a row is after the cursor `after` and before the cursor `before`. Undefined without cursors. */
export function between<Row>(options: Sorted<Row>, { after, before }: PageArgs): SQL | undefined {
  const columns = options.order.map(({ column }) => column);
  const beyond = (cursor: string | null | undefined, forward: boolean): SQL | undefined => {
    if (cursor == null) return undefined;
    const values = decodeCursor(cursor, listKey(options), columns.length);
    const bound = values.map((value, at) => sql.param(sortValue(columns[at] as PgColumn, value), columns[at]));
    return sql`${tuple(columns)} ${sql.raw(forward === !options.descending ? '>' : '<')} ${tuple(bound)}`;
  };
  return and(beyond(after, true), beyond(before, false));
}

/** ORDER BY for reading a page: from the start of the list, or from its end if `last` is given. */
export function ordered<Row>(
  { order, descending }: Pick<ListOptions<Row>, 'order' | 'descending'>,
  args: PageArgs,
): SQL {
  const direction = isBackward(args) === !descending ? desc : asc;
  const keys = order.map(({ column }) => direction(column));
  return sql`order by ${sql.join(keys, sql`, `)}`;
}

/** Builds a page from rows in the order of `ordered`. If there are more rows, `rows` has one row more than the page. */
export function pageOf<Row>(
  rows: Row[],
  options: Omit<ListOptions<Row>, 'where'>,
  args: PageArgs,
  totalCount: () => Promise<number>,
): Page<Row> {
  const size = sizeOf(args);
  const more = rows.length > size;
  const nodes = rows.slice(0, size);
  if (isBackward(args)) nodes.reverse();
  const key = lazily(() => listKey(options));
  const cursorOf = (node: Row): string =>
    encodeCursor(
      key(),
      options.order.map((sort) => sort.key(node)),
    );
  const edges = nodes.map((node) => new Edge(node, cursorOf));
  return {
    edges,
    pageInfo: {
      ...neighbours(args, more),
      get startCursor() {
        return edges[0]?.cursor ?? null;
      },
      get endCursor() {
        return edges.at(-1)?.cursor ?? null;
      },
    },
    totalCount,
  };
}

/** Whether the page is read from the end of the list. */
export const isBackward = (args: PageArgs): boolean => args.last != null;

/** Whether there are items on both sides of the page. `more`: in the direction in which it was read. */
export const neighbours = (args: PageArgs, more: boolean) =>
  isBackward(args)
    ? { hasNextPage: args.before != null, hasPreviousPage: more }
    : { hasNextPage: more, hasPreviousPage: args.after != null };

/**
 * Encodes the cursor only when it is requested. Most operations select `nodes` only. It is a class, because an object with
 * a getter of its own takes twenty times as long to create.
 */
class Edge<Row> {
  readonly node: Row;
  readonly #cursorOf: (node: Row) => string;

  constructor(node: Row, cursorOf: (node: Row) => string) {
    this.node = node;
    this.#cursorOf = cursorOf;
  }

  get cursor(): string {
    return this.#cursorOf(this.node);
  }
}

const tuple = (parts: SQLWrapper[]): SQL => sql`(${sql.join(parts, sql`, `)})`;

/** Returns one page of a list that is not in the database. */
export function arrayPage<Row extends { id: string }>(rows: readonly Row[], asked: unknown, args: PageArgs): Page<Row> {
  const size = sizeOf(args);
  const key = digest(asked);
  const indexOf = (cursor: string): number => {
    const [id] = decodeCursor(cursor, key, 1);
    const at = rows.findIndex((row) => row.id === id);
    if (at < 0) throw badRequest('This cursor belongs to no item of the list. Start from the first page.');
    return at;
  };
  const from = args.after == null ? 0 : indexOf(args.after) + 1;
  const to = Math.max(args.before == null ? rows.length : indexOf(args.before), from);
  const [start, end] = args.last != null ? [Math.max(to - size, from), to] : [from, Math.min(from + size, to)];
  const edges = rows.slice(start, end).map((node) => ({ node, cursor: encodeCursor(key, [node.id]) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: end < rows.length,
      hasPreviousPage: start > 0,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    totalCount: async () => rows.length,
  };
}
