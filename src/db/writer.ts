import { getTableColumns, getTableName, is, SQL, sql } from 'drizzle-orm';
import { PgArray, type PgColumn, type PgTable } from 'drizzle-orm/pg-core';
import { clientOf, type Db, dialect } from './client.ts';
import { mapperOf } from './reader.ts';

type Values = Record<string, unknown>;

export interface Inserter<Row> {
  /** Inserts one row as `db.insert(table).values(values).returning()` does. */
  insert(db: Db, values: Values): Promise<Row>;
  /** Inserts one row without reading it back. */
  send(db: Db, values: Values): Promise<unknown>;
}

/**
 * Inserts rows. A statement is built once for each set of columns. It is sent before the function returns, so statements
 * that the caller sends next run after it.
 */
export function inserterOf<Row>(table: PgTable): Inserter<Row> {
  const columns = getTableColumns(table);
  const rowOf = mapperOf<Row>(columns);
  const texts = new Map<string, string>();

  function statementFor(given: [string, PgColumn][], isReturning: boolean): string {
    const key = `${isReturning} ${given.map(([name]) => name).join(' ')}`;
    let text = texts.get(key);
    if (!text) {
      text = insertStatement(table, given, isReturning);
      texts.set(key, text);
    }
    return text;
  }

  // Not async, so that invalid values throw immediately instead of rejecting a promise.
  function run(db: Db, values: Values, isReturning: boolean) {
    const given = Object.entries(columns).filter(([name, { defaultFn }]) => values[name] !== undefined || defaultFn);
    const params = given.map(([name, column]) => encode(column, values[name] ?? column.defaultFn?.()));
    const text = statementFor(given, isReturning);
    return clientOf(db)
      .unsafe(text, params as never[], { prepare: true })
      .values()
      .execute();
  }

  return {
    insert: (db, values) => run(db, values, true).then(([row]) => rowOf(row as unknown[])),
    send: (db, values) => run(db, values, false),
  };
}

/**
 * The row that an insert of these values stores. Null if that is not known before, because a column has a default in SQL or
 * a type whose values PostgreSQL may change.
 */
export function rowToInsert<Row>(table: PgTable, values: Values): Row | null {
  const row: Values = {};
  for (const [key, column] of Object.entries(getTableColumns(table))) {
    const value = values[key] ?? column.defaultFn?.() ?? (values[key] === undefined ? defaultOf(column) : null);
    if (value === undefined || !isStoredAsGiven(column, value)) return null;
    row[key] = value;
  }
  return row as Row;
}

/** Undefined if only the database knows it. */
function defaultOf(column: PgColumn): unknown {
  if (column.generated || column.generatedIdentity) return undefined;
  if (!column.hasDefault) return null;
  return is(column.default, SQL) ? undefined : column.default;
}

/** Types whose values PostgreSQL returns exactly as they were given. JSON, for example, loses the order of its keys. */
const EXACT = new Set(['PgText', 'PgUUID', 'PgBoolean', 'PgInteger', 'PgTimestamp']);

/** Whether the database returns the value unchanged. */
export const isStoredAsGiven = (column: PgColumn, value: unknown): boolean =>
  value === null || EXACT.has((is(column, PgArray) ? (column.baseColumn as PgColumn) : column).columnType);

/** Sends a statement that returns no rows. It is sent before the function returns. */
export async function sendStatement(db: Db, statement: SQL): Promise<void> {
  const { sql: text, params } = dialect.sqlToQuery(statement);
  await clientOf(db)
    .unsafe(text, params as never[], { prepare: true })
    .execute();
}

function insertStatement(table: PgTable, given: [string, PgColumn][], isReturning: boolean): string {
  const names = (columns: PgColumn[]) =>
    sql.join(
      columns.map(({ name }) => sql.identifier(name)),
      sql`, `,
    );
  const placeholders = sql.raw(given.map((_, at) => `$${at + 1}`).join(', '));
  const into = sql`${sql.identifier(getTableName(table))} (${names(given.map(([, column]) => column))})`;
  const returning = isReturning ? sql` returning ${names(Object.values(getTableColumns(table)))}` : sql``;
  return dialect.sqlToQuery(sql`insert into ${into} values (${placeholders})${returning}`).sql;
}

const encode = (column: PgColumn, value: unknown): unknown => (value == null ? null : column.mapToDriverValue(value));
