import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres, { type Sql } from 'postgres';
import type { Log } from '../lib/log.ts';
import { assertDirect } from './pooler.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

/** Key of the advisory lock ("ambi"). Only one node can migrate at a time. */
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

/** Applies the missing migrations. The role of `url` must own the tables. */
export async function migrateDatabase(
  url: string,
  { log = () => undefined, lockTimeout = 60_000, connectTimeout = 10_000 }: MigrateOptions = {},
): Promise<void> {
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
    await lock(sql, log, lockTimeout);
    await migrate(drizzle(sql), { migrationsFolder: MIGRATIONS });
    await refuseTemporaryTables(sql, log);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

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

/**
 * PostgreSQL lets every role create temporary tables, and finds them before tables of the same name, which have row-level
 * security. The privilege belongs to the database and is missing in its dumps, so it is revoked at every start.
 */
async function refuseTemporaryTables(sql: Sql, log: Log): Promise<void> {
  await sql`do $$ begin
    execute format('revoke temporary on database %I from public, ambit_runtime', current_database());
  end $$`;
  const [row] = await sql`
    select current_database() as name, has_database_privilege('ambit_runtime', current_database(), 'TEMPORARY') as may`;
  if (row?.['may'])
    log({
      level: 'warn',
      message: `the runtime role can create temporary tables; as the owner of the database, run: revoke temporary on database "${row['name']}" from public`,
    });
}
