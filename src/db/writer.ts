import { getTableColumns, getTableName, type SQL, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { clientOf, type Db, dialect } from './client.ts';
import { mapperOf } from './reader.ts';

/**
 * Inserts one row as `db.insert(table).values(values).returning()` does. The statement is built once for each set of
 * columns. It is sent before the function returns, so statements that the caller sends next run after it.
 */
export function inserterOf<Row>(table: PgTable): (db: Db, values: Record<string, unknown>) => Promise<Row> {
  const columns = getTableColumns(table);
  const rowOf = mapperOf<Row>(columns);
  const texts = new Map<string, string>();

  function statementFor(given: [string, PgColumn][]): string {
    const key = given.map(([name]) => name).join(' ');
    let text = texts.get(key);
    if (!text) {
      text = insertStatement(table, given);
      texts.set(key, text);
    }
    return text;
  }

  // Not async, so that invalid values throw immediately instead of rejecting a promise.
  return (db, values) => {
    const given = Object.entries(columns).filter(([name, { defaultFn }]) => values[name] !== undefined || defaultFn);
    const params = given.map(([name, column]) => encode(column, values[name] ?? column.defaultFn?.()));
    const sent = clientOf(db)
      .unsafe(statementFor(given), params as never[], { prepare: true })
      .values()
      .execute();
    return sent.then(([row]) => rowOf(row as unknown[]));
  };
}

/** Sends a statement that returns no rows. It is sent before the function returns. */
export async function sendStatement(db: Db, statement: SQL): Promise<void> {
  const { sql: text, params } = dialect.sqlToQuery(statement);
  await clientOf(db)
    .unsafe(text, params as never[], { prepare: true })
    .execute();
}

function insertStatement(table: PgTable, given: [string, PgColumn][]): string {
  const names = (columns: PgColumn[]) =>
    sql.join(
      columns.map(({ name }) => sql.identifier(name)),
      sql`, `,
    );
  const placeholders = sql.raw(given.map((_, at) => `$${at + 1}`).join(', '));
  const into = sql`${sql.identifier(getTableName(table))} (${names(given.map(([, column]) => column))})`;
  const returning = names(Object.values(getTableColumns(table)));
  return dialect.sqlToQuery(sql`insert into ${into} values (${placeholders}) returning ${returning}`).sql;
}

const encode = (column: PgColumn, value: unknown): unknown => (value == null ? null : column.mapToDriverValue(value));
