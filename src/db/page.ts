import { and, asc, count, desc, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { AmbitError } from '../lib/errors.ts';
import { lazily } from '../lib/lazy.ts';
import type { Db } from './client.ts';
import { decodeCursor, digest, encodeCursor, listKey, type Sorted, sortValue } from './cursor.ts';
import type { Reader } from './reader.ts';

export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 500;

export interface PageArgs {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

export interface ListOptions<Row> extends Sorted<Row> {
  reader: Reader<Row>;
  where: SQL;
  /** Whether connections keep the statement. Defaults to true. False if its text has too many forms. */
  isPrepared?: boolean;
}

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

/** Reads one page by keyset pagination. Its cost does not depend on its distance from the start. */
export async function listPage<Row>(db: Db, options: ListOptions<Row>, args: PageArgs): Promise<Page<Row>> {
  const size = sizeOf(args);
  const where = and(options.where, between(options, args));
  const tail = sql`where ${where} ${ordered(options, args)} limit ${size + 1}`;
  const rows = await options.reader.read(db, tail, options.isPrepared);
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
    const sorted = values.map((value, at) => sortValue(columns[at] as PgColumn, value));
    return compared(columns, sorted, forward === !options.descending);
  };
  return and(beyond(after, true), beyond(before, false));
}

/** The condition that a row is after these values of the sort keys, or before them. As in PostgreSQL, null comes last. */
function compared(columns: readonly PgColumn[], values: readonly unknown[], isAfter: boolean): SQL {
  const [first, ...rest] = columns as [PgColumn, ...PgColumn[]];
  const bound = values.map((value, at) => sql.param(value, columns[at]));
  const operator = sql.raw(isAfter ? '>' : '<');
  const comparison = sql`${tuple(columns)} ${operator} ${tuple(bound)}`;
  if (first.notNull) return comparison;
  if (values[0] !== null) return isAfter ? sql`(${comparison} or ${first} is null)` : comparison;
  const among = sql`${tuple(rest)} ${operator} ${tuple(bound.slice(1))}`;
  return isAfter ? sql`(${first} is null and ${among})` : sql`(${first} is not null or ${among})`;
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

const tuple = (parts: readonly SQLWrapper[]): SQL => sql`(${sql.join([...parts], sql`, `)})`;

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
