import type { Socket } from 'node:net';
import { PgDialect } from 'drizzle-orm/pg-core';
import { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { PostgresJsSession } from 'drizzle-orm/postgres-js/session';
import type { Sql } from 'postgres';
import type { Log } from '../log.ts';
import { openConnection } from './connection.ts';
import { createPool, type Pool, type PoolOptions } from './pool.ts';
import { assertDirect, PoolerError } from './pooler.ts';

/** Owns no table and may not bypass row-level security: what every request runs as. */
export const RUNTIME_ROLE = 'ambit_runtime';

export type Db = PostgresJsDatabase<Record<string, never>>;

export interface ClientOptions {
  url: string;
  /** Connections for transactions. */
  pool: number;
  /** Milliseconds after which PostgreSQL cancels a statement. */
  statementTimeout: number;
  /** Milliseconds after which a statement that waits for a lock fails. Defaults to 3,000. */
  lockTimeout?: number;
  /** Milliseconds that a request waits for a connection. Defaults to 5,000. */
  waitMs?: number;
  /** Milliseconds after which a request is answered in any case. Defaults to 30,000. */
  requestTimeout?: number;
  /** Statements are sent through a pooler in transaction mode, such as PgBouncer. */
  pooler?: boolean;
  /** Milliseconds after which a connection is replaced: between this and twice this. Defaults to half an hour. */
  renewMs?: number;
  log?: Log;
  /** Sees the text of each statement, without its parameters. */
  onStatement?: (text: string) => void;
  /** Opens a socket to the server; by default the address of `url`. */
  dial?: () => Socket;
}

/** Requests that may wait for a connection. */
const QUEUE = 1_000;
/** Milliseconds that the answer to a cancelled statement may take. */
const SLACK = 1_000;
const HALF_AN_HOUR = 1_800_000;
const IDLE_IN_TRANSACTION = 60_000;

// Drizzle maps dates by itself; anything but its text form would be parsed twice (see drizzle's own driver).
const TEXT_DATES = {
  to: 1184,
  from: [1082, 1083, 1114, 1184],
  serialize: (value: unknown) => value,
  parse: (value: unknown) => value,
};
const TEXT_JSON = { to: 114, from: [], serialize: (value: unknown) => value, parse: (value: unknown) => value };
const TEXT_JSONB = { ...TEXT_JSON, to: 3802 };

/** What bounds the statements of a connection or a transaction, by PostgreSQL's names. */
const limitsOf = ({ statementTimeout, lockTimeout = 3_000 }: ClientOptions): Record<string, string> => ({
  statement_timeout: String(statementTimeout),
  lock_timeout: String(lockTimeout),
  idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION),
  // Every statement names its tenant, so one plan suits all values. With row-level security, planning is expensive
  // (measured: reading a row by its id took 100 µs of PostgreSQL, and takes 20).
  plan_cache_mode: 'force_generic_plan',
});

/** Creates the pool; it connects when it is first used. */
export function connect(options: ClientOptions): Pool {
  const { pool: size, statementTimeout, waitMs = 5_000, requestTimeout = 30_000, log = () => undefined } = options;
  return createPool({
    size,
    waitMs,
    log,
    queue: QUEUE,
    silenceMs: Math.min(statementTimeout, requestTimeout) + SLACK,
    settings: options.pooler ? limitsOf(options) : {},
    open: opener(options),
  });
}

/**
 * Role and limits are start-up options of each connection, so neither a forgotten statement nor `RESET ROLE` leaves
 * them. A pooler in transaction mode passes no start-up options and keeps no prepared statements: there the login is a
 * member of the runtime role, and each transaction sets its limits.
 */
function opener(options: ClientOptions): PoolOptions['open'] {
  const { url, onStatement, dial, renewMs = HALF_AN_HOUR } = options;
  const driver = {
    onnotice: () => undefined,
    prepare: !options.pooler,
    types: { date: TEXT_DATES, json: TEXT_JSON, jsonb: TEXT_JSONB },
    connection: {
      application_name: 'ambit',
      ...(!options.pooler && { role: RUNTIME_ROLE, ...limitsOf(options) }),
    },
  } as never;
  return (onLost) => openConnection({ url, driver, renewMs, onLost, onStatement, dial });
}

export const dialect = new PgDialect();

/** Where a `Db` keeps what it was made on. */
const CLIENT = Symbol('client');

/** Drizzle's builder on a pool's single statements or on one connection. */
export function drizzleOn(sql: Sql): Db {
  const session = new PostgresJsSession(preparing(sql), dialect, undefined);
  return Object.assign(new PostgresJsDatabase(dialect, session as never, undefined) as Db, { [CLIENT]: sql });
}

/** What `drizzleOn` was given. */
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

/** Refuses to serve with a role that could bypass row-level security, or that lacks the rights of the runtime role. */
export async function assertRuntimeRole(sql: Sql): Promise<void> {
  const [role] = await sql`
    select current_user as name, r.rolsuper or r.rolbypassrls as bypasses,
           exists (select from pg_class c where c.relowner = r.oid and c.relnamespace = 'public'::regnamespace) as owns,
           pg_has_role(r.oid, ${RUNTIME_ROLE}, 'usage') as serves
    from pg_roles r where r.rolname = current_user`;
  if (role?.['bypasses'] || role?.['owns'])
    throw new Error(
      `the runtime role ${role['name']} could bypass row-level security; it must own no table and be no superuser`,
    );
  if (!role?.['serves']) throw new Error(`the role ${role?.['name']} must be a member of ${RUNTIME_ROLE}`);
}

/** What a pooler says that does not know the start-up parameter `role`. */
const REFUSED_PARAMETER = 'unsupported startup parameter';

/** Connects once and refuses what Ambit must not serve with. */
export async function assertUsable(options: ClientOptions): Promise<void> {
  const connection = await opener(options)(() => undefined).catch((error: Error) => {
    throw error.message.includes(REFUSED_PARAMETER) ? new PoolerError() : error;
  });
  try {
    if (!options.pooler) await assertDirect({ unsafe: connection.send });
    await assertRuntimeRole(connection.query as Sql);
  } finally {
    await connection.close();
  }
}
