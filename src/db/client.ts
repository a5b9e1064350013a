import { PgDialect } from 'drizzle-orm/pg-core';
import { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { PostgresJsSession } from 'drizzle-orm/postgres-js/session';
import postgres, { type Sql } from 'postgres';

/** Owns no table and may not bypass row-level security: what every request runs as. */
export const RUNTIME_ROLE = 'ambit_runtime';

export type Db = PostgresJsDatabase<Record<string, never>>;

export interface ClientOptions {
  url: string;
  /** Connections of the pool. */
  pool: number;
  /** Milliseconds after which Postgres cancels a statement. */
  statementTimeout: number;
}

// Drizzle maps dates by itself; anything but its text form would be parsed twice (see drizzle's own driver).
const TEXT_DATES = {
  to: 1184,
  from: [1082, 1083, 1114, 1184],
  serialize: (value: unknown) => value,
  parse: (value: unknown) => value,
};
const TEXT_JSON = { to: 114, from: [], serialize: (value: unknown) => value, parse: (value: unknown) => value };
const TEXT_JSONB = { ...TEXT_JSON, to: 3802 };

/**
 * Opens the pool. The role is a start-up option of each connection, so that neither a forgotten statement nor
 * `RESET ROLE` leaves it.
 */
export function connect(options: ClientOptions): Sql {
  return postgres(options.url, {
    max: options.pool,
    onnotice: () => undefined,
    types: { date: TEXT_DATES, json: TEXT_JSON, jsonb: TEXT_JSONB } as never,
    connection: {
      application_name: 'ambit',
      role: RUNTIME_ROLE,
      statement_timeout: options.statementTimeout,
      idle_in_transaction_session_timeout: 60_000,
      // Every statement names its tenant, so one plan suits all values; row-level security makes a new one for each
      // dear (measured: a row by its id took 100 µs of Postgres, and takes 20).
      plan_cache_mode: 'force_generic_plan',
    } as never,
  });
}

export const dialect = new PgDialect();

/** Where a `Db` keeps what it was made on. */
const CLIENT = Symbol('client');

/** Drizzle's builder on a pool or on one reserved connection. */
export function drizzleOn(sql: Sql): Db {
  const session = new PostgresJsSession(preparing(sql), dialect, undefined);
  return Object.assign(new PostgresJsDatabase(dialect, session as never, undefined) as Db, { [CLIENT]: sql });
}

/** The pool or connection that `drizzleOn` was given. */
export function clientOf(db: Db): Sql {
  const { [CLIENT]: sql } = db as Db & { [CLIENT]?: Sql };
  if (!sql) throw new Error('not made by drizzleOn');
  return sql;
}

/**
 * Drizzle asks postgres.js for unnamed statements, which are parsed and planned each time and cost a second round trip
 * to learn the types of their parameters. Named ones cost that once per connection.
 */
const preparing = (sql: Sql): Sql =>
  ({ unsafe: (text: string, values: never[]) => sql.unsafe(text, values, { prepare: true }) }) as unknown as Sql;

/** Refuses to serve with a role that walks through the third wall. */
export async function assertRuntimeRole(sql: Sql): Promise<void> {
  const [role] = await sql`
    select current_user as name, r.rolsuper or r.rolbypassrls as bypasses,
           exists (select from pg_class c where c.relowner = r.oid and c.relnamespace = 'public'::regnamespace) as owns
    from pg_roles r where r.rolname = current_user`;
  if (role?.['bypasses'] || role?.['owns'])
    throw new Error(
      `the runtime role ${role['name']} could bypass row-level security; it must own no table and be no superuser`,
    );
}
