import { Column, getTableColumns, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { arrayParam } from './array.ts';
import { clientOf, type Db, dialect } from './client.ts';

type Decode = (value: unknown) => unknown;

export interface Reader<Row> {
  readonly table: PgTable;
  /** `tail` is what follows the tables, from `where` on. */
  read(db: Db, tail: SQL): Promise<Row[]>;
  /** The same for each of these parents, of which `tail` can speak as PARENT. */
  readUnder(db: Db, parents: readonly string[], tail: SQL, order: SQL): Promise<{ parent: string; row: Row }[]>;
}

/** The id of the parent under which is read. */
export const PARENT = sql`parent.id`;

const parentsOf = (ids: readonly string[]): SQL => sql`unnest(${arrayParam(ids)}::uuid[]) as parent(id)`;

/**
 * Reads rows of one table as `db.select().from(table)` does. What is the same every time, the columns and how they are
 * read, is made once: in a response of many rows Drizzle's builder and mapper cost more than the database.
 */
export function readerOf<Row>(
  table: PgTable,
  columns: Record<string, PgColumn> = getTableColumns(table),
  from: SQLWrapper = table,
): Reader<Row> {
  const selected = sql.join(Object.values(columns), sql`, `);
  const head = dialect.sqlToQuery(sql`select ${selected} from ${from} `).sql;
  const rowOf = mapperOf<Row>(columns);
  return {
    table,
    read: async (db, tail) => (await send(db, head, tail).values()).map(rowOf),
    async readUnder(db, parents, tail, order) {
      const each = sql`lateral (select ${selected} from ${from} ${tail}) as ${table}`;
      const query = sql`select parent.id, ${selected} from ${parentsOf(parents)} cross join ${each} ${order}`;
      const found: unknown[][] = await send(db, '', query).values();
      return found.map(([parent, ...values]) => ({ parent: parent as string, row: rowOf(values) }));
    },
  };
}

/** How many rows there are under each parent. */
export async function countUnder(
  db: Db,
  table: PgTable,
  parents: readonly string[],
  where: SQL,
): Promise<Map<string, number>> {
  const each = sql`lateral (select count(*)::int as total from ${table} where ${where}) as counted`;
  const query = sql`select parent.id, counted.total from ${parentsOf(parents)} cross join ${each}`;
  return new Map((await ask<{ id: string; total: number }>(db, query)).map(({ id, total }) => [id, total]));
}

/** Makes a row of the values that `returning` or `select` give for these columns. */
export function mapperOf<Row>(columns: Record<string, PgColumn>): (values: readonly unknown[]) => Row {
  const readers = Object.entries(columns).map(([key, column]) => ({ key, decode: decoderOf(column) }));
  return (values) => {
    const row: Record<string, unknown> = {};
    for (const [at, { key, decode }] of readers.entries()) {
      const value = values[at];
      row[key] = decode === null || value === null ? value : decode(value);
    }
    return row as Row;
  };
}

/** What a statement gives, by the database's names and types: for functions, which Drizzle knows nothing of. */
export const ask = async <Row>(db: Db, query: SQL): Promise<Row[]> => (await send(db, '', query)) as unknown as Row[];

function send(db: Db, head: string, tail: SQL) {
  const { sql: text, params } = dialect.sqlToQuery(tail);
  return clientOf(db).unsafe(head + text, params as never[], { prepare: true });
}

/** Null for what the driver gives as it is wanted. */
const decoderOf = (column: PgColumn): Decode | null =>
  column.mapFromDriverValue === Column.prototype.mapFromDriverValue
    ? null
    : (value) => column.mapFromDriverValue(value);
