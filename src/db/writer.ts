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
    const stored = value === undefined ? undefined : storedAs(column, value);
    if (stored === undefined) return null;
    row[key] = stored;
  }
  return row as Row;
}

/** Undefined if only the database knows it. */
function defaultOf(column: PgColumn): unknown {
  if (column.generated || column.generatedIdentity) return undefined;
  if (!column.hasDefault) return null;
  return is(column.default, SQL) ? undefined : column.default;
}

/** Types whose values PostgreSQL returns exactly as they were given. */
const EXACT = new Set(['PgText', 'PgUUID', 'PgBoolean', 'PgInteger', 'PgTimestamp']);

/** The value that the database returns for a given one. Undefined if that is not known before. */
export function storedAs(column: PgColumn, value: unknown): unknown {
  const { columnType } = is(column, PgArray) ? (column.baseColumn as PgColumn) : column;
  if (value === null || EXACT.has(columnType)) return value;
  return column.columnType === 'PgJsonb' ? storedJson(value) : undefined;
}

/** A value as `jsonb` returns it: the keys of an object are in the order of their length in bytes, and then of their bytes. */
const storedJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value), sortKeys);

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const sized = Object.entries(value).map(([key, item]) => ({ key, item, bytes: Buffer.from(key) }));
  sized.sort((a, b) => a.bytes.length - b.bytes.length || a.bytes.compare(b.bytes));
  return Object.fromEntries(sized.map(({ key, item }) => [key, item]));
}

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
