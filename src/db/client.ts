import type { Socket } from 'node:net';
import type { SQL } from 'drizzle-orm';
import { CasingCache } from 'drizzle-orm/casing';
import { PgDialect } from 'drizzle-orm/pg-core';
import { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { PostgresJsSession } from 'drizzle-orm/postgres-js/session';
import type { Sql } from 'postgres';
import type { Log } from '../lib/log.ts';
import { openConnection } from './connection.ts';
import { createPool, type Pool, type PoolOptions } from './pool.ts';
import { assertDirect, PoolerError } from './pooler.ts';

/** The database role of every request. It owns no table and cannot bypass row-level security. */
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
  /** Milliseconds after which a request is stopped. Defaults to 30,000. */
  requestTimeout?: number;
  /** Whether `url` leads to a pooler in transaction mode, such as PgBouncer. Defaults to false. */
  pooler?: boolean;
  /**
   * Minimum age in milliseconds at which a connection is replaced; the maximum is twice this. Defaults to half an hour.
   */
  renewMs?: number;
  log?: Log;
  /** Called with the text of each statement, without its parameters. */
  onStatement?: (text: string) => void;
  /** Opens a socket to the server. Defaults to the address of `url`. */
  dial?: () => Socket;
}

/** Maximum number of requests that wait for a connection. */
const MAX_WAITING = 1_000;
/** Milliseconds that PostgreSQL may take to report a cancelled statement. */
const CANCEL_MARGIN = 1_000;
/** Milliseconds that an idle connection keeps a read-only transaction open. */
const END_AFTER = 5;
const HALF_AN_HOUR = 1_800_000;
const IDLE_IN_TRANSACTION = 60_000;
/** Milliseconds that the coordinator of a Citus cluster waits for a connection to a worker. */
const WORKER_CONNECT_TIMEOUT = 5_000;

// Drizzle parses dates and JSON itself, so the driver passes them as text (as in drizzle's own driver).
const TEXT_DATES = {
  to: 1184,
  from: [1082, 1083, 1114, 1184],
  serialize: (value: unknown) => value,
  parse: (value: unknown) => value,
};
const TEXT_JSON = { to: 114, from: [], serialize: (value: unknown) => value, parse: (value: unknown) => value };
const TEXT_JSONB = { ...TEXT_JSON, to: 3802 };
/** The option `types` of a driver whose connections `drizzleOn` uses. */
export const DRIVER_TYPES = { date: TEXT_DATES, json: TEXT_JSON, jsonb: TEXT_JSONB } as never;

/** PostgreSQL settings that limit the statements of a connection or a transaction. */
const limitsOf = ({ statementTimeout, lockTimeout = 3_000 }: ClientOptions): Record<string, string> => ({
  statement_timeout: String(statementTimeout),
  lock_timeout: String(lockTimeout),
  idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION),
  // Plain PostgreSQL ignores it. The default of Citus is 30 seconds.
  'citus.node_connection_timeout': String(WORKER_CONNECT_TIMEOUT),
  // Compiling the expressions of a statement takes longer than running them.
  jit: 'off',
});

const IN_CLUSTER = `exists (select from pg_extension where extname = 'citus')`;

/**
 * Every statement filters by its tenant, so one plan is good for all values. With row-level security, planning is expensive
 * (measured: reading a row by its ID took 100 µs in PostgreSQL before, and takes 20 µs with this setting). Citus chooses the
 * shard by the values, so it needs a plan for them.
 */
const PLAN_CACHE_MODE = `case when ${IN_CLUSTER} then 'auto' else 'force_generic_plan' end`;

/** The settings of each transaction, as SQL. */
const settingsOf = (options: ClientOptions): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(limitsOf(options)).map(([name, value]) => [name, `'${value}'`])),
  plan_cache_mode: PLAN_CACHE_MODE,
});

/** Creates the pool. It connects when it is first used. */
export function connect(options: ClientOptions): Pool {
  const { pool: size, statementTimeout, waitMs = 5_000, requestTimeout = 30_000, log = () => undefined } = options;
  return createPool({
    size,
    waitMs,
    log,
    queue: MAX_WAITING,
    responseTimeoutMs: Math.min(statementTimeout, requestTimeout) + CANCEL_MARGIN,
    settings: options.pooler ? settingsOf(options) : {},
    // A pooler assigns a server connection for as long as a transaction is open.
    endAfterMs: options.pooler ? 0 : END_AFTER,
    open: connectionFactory(options),
  });
}

/**
 * Role and limits are start-up parameters of each connection, so `RESET ROLE` does not remove them. A pooler in
 * transaction mode does not forward start-up parameters and does not keep prepared statements. Behind a pooler, the
 * login is a member of the runtime role, and each transaction sets its limits.
 */
function connectionFactory(options: ClientOptions): PoolOptions['open'] {
  const { url, onStatement, dial, renewMs = HALF_AN_HOUR } = options;
  const driver = {
    onnotice: () => undefined,
    prepare: !options.pooler,
    types: DRIVER_TYPES,
    connection: {
      application_name: 'ambit',
      ...(!options.pooler && { role: RUNTIME_ROLE, ...limitsOf(options) }),
    },
  } as never;
  const firstStatement = options.pooler
    ? `select ${IN_CLUSTER} as in_cluster`
    : `select ${IN_CLUSTER} as in_cluster, set_config('plan_cache_mode', ${PLAN_CACHE_MODE}, false)`;
  return (onLost) => openConnection({ url, driver, firstStatement, renewMs, onLost, onStatement, dial });
}

export const dialect = new PgDialect();

const CASING = new CasingCache();

/** Returns the text of a part of a statement. `placeholder` returns that of a parameter. */
export function textOf(part: SQL, placeholder: (value: unknown) => string): string {
  const { escapeName, escapeString, prepareTyping } = dialect;
  const escapeParam = (_at: number, value: unknown): string => placeholder(value);
  return part.toQuery({ casing: CASING, escapeName, escapeParam, escapeString, prepareTyping }).sql;
}

/** The properties of a `Db` that hold its client, and whether the client is connected to a Citus cluster. */
const CLIENT = Symbol('client');
const IS_IN_CLUSTER = Symbol('is in cluster');

/** Drizzle's query builder on single statements of a pool or on one connection. */
export function drizzleOn(sql: Sql, isInCluster = false): Db {
  const session = new PostgresJsSession(withNamedStatements(sql), dialect, undefined);
  const db = new PostgresJsDatabase(dialect, session as never, undefined) as Db;
  return Object.assign(db, { [CLIENT]: sql, [IS_IN_CLUSTER]: isInCluster });
}

/** Whether the statements of this transaction run in a Citus cluster, which does not support all of them. */
export const isInCluster = (db: Db): boolean => (db as Db & { [IS_IN_CLUSTER]?: boolean })[IS_IN_CLUSTER] === true;

/** The client that `drizzleOn` was called with. */
export function clientOf(db: Db): Sql {
  const { [CLIENT]: sql } = db as Db & { [CLIENT]?: Sql };
  if (!sql) throw new Error('the Db was not created by drizzleOn');
  return sql;
}

/**
 * Uses named statements instead of Drizzle's unnamed ones. An unnamed statement is parsed and planned in each execution,
 * and needs a second round trip for the types of its parameters. A named one needs this once per connection.
 */
const withNamedStatements = (sql: Sql): Sql =>
  ({ unsafe: (text: string, values: never[]) => sql.unsafe(text, values, { prepare: true }) }) as unknown as Sql;

/** Throws if the current role could bypass row-level security or lacks the rights of the runtime role. */
export async function assertRuntimeRole(sql: Sql): Promise<void> {
  const [role] = await sql`
    select current_user as name, r.rolsuper or r.rolbypassrls as bypasses,
           exists (select from pg_class c where c.relowner = r.oid and c.relnamespace = 'public'::regnamespace) as owns,
           pg_has_role(r.oid, ${RUNTIME_ROLE}, 'usage') as member
    from pg_roles r where r.rolname = current_user`;
  if (role?.['bypasses'] || role?.['owns'])
    throw new Error(
      `the runtime role ${role['name']} could bypass row-level security; it must not own a table and must not be a superuser`,
    );
  if (!role?.['member']) throw new Error(`the role ${role?.['name']} must be a member of ${RUNTIME_ROLE}`);
}

/** Error message of a pooler that does not support the start-up parameter `role`. */
const REFUSED_PARAMETER = 'unsupported startup parameter';

/** Connects once. Throws if the URL leads to a pooler or if the role is not safe to use. */
export async function assertUsable(options: ClientOptions): Promise<void> {
  const connection = await connectionFactory(options)(() => undefined).catch((error: Error) => {
    throw error.message.includes(REFUSED_PARAMETER) ? new PoolerError() : error;
  });
  try {
    if (!options.pooler) await assertDirect({ unsafe: connection.send });
    await assertRuntimeRole(connection.query as Sql);
  } finally {
    await connection.close();
  }
}
