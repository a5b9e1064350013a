import { Column, getTableColumns, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { arrayParam } from './array.ts';
import { clientOf, type Db, dialect } from './client.ts';

type Decode = (value: unknown) => unknown;

export interface Reader<Row> {
  readonly table: PgTable;
  /** `tail` is the rest of the statement, beginning with WHERE. */
  read(db: Db, tail: SQL): Promise<Row[]>;
  /** Reads the rows of several parents. `tail` refers to the id of the parent as PARENT. */
  readUnder(db: Db, parents: readonly string[], tail: SQL, order: SQL): Promise<{ parent: string; row: Row }[]>;
}

/** SQL expression for the id of the parent in `readUnder` and `countUnder`. */
export const PARENT = sql`parent.id`;

const parentsOf = (ids: readonly string[]): SQL => sql`unnest(${arrayParam(ids)}::uuid[]) as parent(id)`;

/**
 * Reads rows of one table as `db.select().from(table)` does. The list of columns and their decoders are created once,
 * because with many rows Drizzle's query builder and mapper cost more than the database.
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
      const rows: unknown[][] = await send(db, '', query).values();
      return rows.map(([parent, ...values]) => ({ parent: parent as string, row: rowOf(values) }));
    },
  };
}

/** Returns the number of rows of each parent. */
export async function countUnder(
  db: Db,
  table: PgTable,
  parents: readonly string[],
  where: SQL,
): Promise<Map<string, number>> {
  const each = sql`lateral (select count(*)::int as total from ${table} where ${where}) as counted`;
  const query = sql`select parent.id, counted.total from ${parentsOf(parents)} cross join ${each}`;
  return new Map((await queryRows<{ id: string; total: number }>(db, query)).map(({ id, total }) => [id, total]));
}

/** Returns a function that converts the values of these columns to a row. */
export function mapperOf<Row>(columns: Record<string, PgColumn>): (values: readonly unknown[]) => Row {
  const decoders = Object.entries(columns).map(([key, column]) => ({ key, decode: decoderOf(column) }));
  return (values) => {
    const row: Record<string, unknown> = {};
    for (const [at, { key, decode }] of decoders.entries()) {
      const value = values[at];
      row[key] = decode === null || value === null ? value : decode(value);
    }
    return row as Row;
  };
}

/** Returns rows with the column names and types of the database. For functions, which Drizzle has no schema for. */
export const queryRows = async <Row>(db: Db, query: SQL): Promise<Row[]> =>
  (await send(db, '', query)) as unknown as Row[];

function send(db: Db, head: string, tail: SQL) {
  const { sql: text, params } = dialect.sqlToQuery(tail);
  return clientOf(db).unsafe(head + text, params as never[], { prepare: true });
}

/** Returns null if the driver's value is used unchanged. */
const decoderOf = (column: PgColumn): Decode | null =>
  column.mapFromDriverValue === Column.prototype.mapFromDriverValue
    ? null
    : (value) => column.mapFromDriverValue(value);
