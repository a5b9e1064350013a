import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import type { Log } from '../lib/log.ts';
import { assertDirect } from './pooler.ts';

/** Key of the advisory lock ("ambi"). Only one node can migrate or distribute at a time. */
export const MIGRATION_LOCK = 0x616d6269;

/** Milliseconds between two attempts to take the lock. */
const POLL = 250;

export interface MigrateOptions {
  log?: Log;
  /** Milliseconds to wait for another node to finish its migration. Defaults to 60,000. */
  lockTimeout?: number;
  /** Milliseconds to wait for a connection. Defaults to 10,000. */
  connectTimeout?: number;
}

/** Calls `work` with a connection that holds the lock. No other node can migrate or distribute the database meanwhile. */
export async function withMigrationLock<T>(
  url: string,
  { log = () => undefined, lockTimeout = 60_000, connectTimeout = 10_000 }: MigrateOptions,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  const sql = postgres(url, {
    max: 1,
    // The lock belongs to the connection, so the driver must not replace it.
    max_lifetime: null,
    fetch_types: false,
    connect_timeout: connectTimeout / 1000,
    onnotice: () => undefined,
    connection: { application_name: 'ambit-migrate' },
  });
  try {
    // Behind a pooler, the server connection would keep the lock.
    await assertDirect(sql);
    // Not as start-up parameters, because a pooler refuses those that it does not know.
    await sql.unsafe(SETTINGS);
    await lock(sql, log, lockTimeout);
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/**
 * PostgreSQL looks for a schema with the name of the login first. A login named ambit would create tables in the schema ambit.
 *
 * Plain PostgreSQL ignores the other settings. Without the first of them, Citus refuses to change several shards of a table
 * that has foreign keys to tables on the coordinator. Without the second, it refuses triggers. Those of the migrations are
 * safe in a cluster: each writes only rows of the organization whose row was changed.
 */
const SETTINGS = `set search_path = public;
  set citus.multi_shard_modify_mode = 'sequential'; set citus.enable_unsafe_triggers = 'on'`;

async function lock(sql: Sql, log: Log, timeout: number): Promise<void> {
  const deadline = performance.now() + timeout;
  for (let attempt = 1; !(await tryLock(sql)); attempt += 1) {
    if (attempt === 1) log({ level: 'info', message: 'another node migrates the database; waiting' });
    if (performance.now() >= deadline)
      throw new Error(`another node has not finished its migration within ${timeout / 1000} s; start again later`);
    await sleep(POLL);
  }
}

async function tryLock(sql: Sql): Promise<boolean> {
  const [row] = await sql`select pg_try_advisory_lock(${MIGRATION_LOCK}) as locked`;
  return row?.['locked'] === true;
}
