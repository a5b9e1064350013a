import { Column, getTableColumns, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { makePgArray, type PgColumn, type PgTable } from 'drizzle-orm/pg-core';
import { arrayParam } from './array.ts';
import { clientOf, type Db, dialect } from './client.ts';

type Decode = (value: unknown) => unknown;

export interface Reader<Row> {
  readonly table: PgTable;
  /** `tail` is the rest of the statement, beginning with WHERE. */
  read(db: Db, tail: SQL, isPrepared?: boolean): Promise<Row[]>;
  /**
   * Returns a function that reads the rows of an organization with one of these values in a column. The text of the
   * statement is written once.
   */
  readBy(organizationId: PgColumn, column: PgColumn): ReadByValues<Row>;
  /** Reads the rows of several parents. `tail` refers to the id of the parent as PARENT. */
  readUnder(db: Db, parents: readonly string[], tail: SQL, order: SQL): Promise<{ parent: string; row: Row }[]>;
}

export type ReadByValues<Row> = (db: Db, organization: string, values: readonly string[]) => Promise<Row[]>;

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
    read: async (db, tail, isPrepared) => (await send(db, head, tail, isPrepared).values()).map(rowOf),
    readBy(organizationId, column) {
      const [organization, values] = [sql.placeholder('organization'), sql.placeholder('values')];
      const where = sql`where ${organizationId} = ${organization} and ${column} = any(${values})`;
      const text = head + dialect.sqlToQuery(where).sql;
      return async (db, inOrganization, given) =>
        (await sendText(db, text, [inOrganization, makePgArray([...given])]).values()).map(rowOf);
    },
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
  const keys = Object.keys(columns);
  const decoders = Object.values(columns).map(decoderOf);
  // A copy of an object with all keys takes less time than adding them one by one.
  const template: Record<string, unknown> = Object.fromEntries(keys.map((key) => [key, null]));
  return (values) => {
    const row = { ...template };
    for (let at = 0; at < keys.length; at += 1) {
      const value = values[at];
      const decode = decoders[at];
      if (value !== null) row[keys[at] as string] = decode ? decode(value) : value;
    }
    return row as Row;
  };
}

/** Returns rows with the column names and types of the database. For functions, which Drizzle has no schema for. */
export const queryRows = async <Row>(db: Db, query: SQL): Promise<Row[]> =>
  (await send(db, '', query)) as unknown as Row[];

function send(db: Db, head: string, tail: SQL, isPrepared?: boolean) {
  const { sql: text, params } = dialect.sqlToQuery(tail);
  return sendText(db, head + text, params, isPrepared);
}

const sendText = (db: Db, text: string, params: unknown[], prepare = true) =>
  clientOf(db).unsafe(text, params as never[], { prepare });

/** Returns null if the driver's value is used unchanged. */
const decoderOf = (column: PgColumn): Decode | null =>
  column.mapFromDriverValue === Column.prototype.mapFromDriverValue
    ? null
    : (value) => column.mapFromDriverValue(value);
