import { getTableColumns, getTableName, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { clientOf, type Db, dialect } from './client.ts';
import { mapperOf } from './reader.ts';

/**
 * Inserts one row as `db.insert(table).values(values).returning()` does, with the statement made once for each set of
 * columns that is given. It is sent before this returns, or this throws: what the caller sends next comes after it.
 */
export function inserterOf<Row>(table: PgTable): (db: Db, values: Record<string, unknown>) => Promise<Row> {
  const columns = getTableColumns(table);
  const rowOf = mapperOf<Row>(columns);
  const texts = new Map<string, string>();

  function textFor(given: [string, PgColumn][]): string {
    const key = given.map(([name]) => name).join(' ');
    let text = texts.get(key);
    if (!text) {
      text = insertion(table, given);
      texts.set(key, text);
    }
    return text;
  }

  // Not async: what is wrong with the values must not wait for somebody to look.
  return (db, values) => {
    const given = Object.entries(columns).filter(([name, { defaultFn }]) => values[name] !== undefined || defaultFn);
    const params = given.map(([name, column]) => encode(column, values[name] ?? column.defaultFn?.()));
    const sent = clientOf(db)
      .unsafe(textFor(given), params as never[], { prepare: true })
      .values()
      .execute();
    return sent.then(([row]) => rowOf(row as unknown[]));
  };
}

function insertion(table: PgTable, given: [string, PgColumn][]): string {
  const names = (columns: PgColumn[]) =>
    sql.join(
      columns.map(({ name }) => sql.identifier(name)),
      sql`, `,
    );
  const places = sql.raw(given.map((_, at) => `$${at + 1}`).join(', '));
  const into = sql`${sql.identifier(getTableName(table))} (${names(given.map(([, column]) => column))})`;
  const returning = names(Object.values(getTableColumns(table)));
  return dialect.sqlToQuery(sql`insert into ${into} values (${places}) returning ${returning}`).sql;
}

const encode = (column: PgColumn, value: unknown): unknown => (value == null ? null : column.mapToDriverValue(value));
