import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import type { Sql } from 'postgres';
import type { Log } from '../lib/log.ts';
import { distributeTables, isDistributed } from './distribute.ts';
import { migrateJobSchema } from './job-schema.ts';
import { type MigrateOptions, withMigrationLock } from './migration-lock.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

/**
 * Applies the missing migrations, and returns their number. The role of `url` must own the tables. If the database was
 * distributed before, also adds new tables to the cluster.
 */
export async function migrateDatabase(url: string, options: MigrateOptions = {}): Promise<number> {
  const { log = () => undefined } = options;
  return await withMigrationLock(url, options, async (sql) => {
    const missing = await countMissingMigrations(sql);
    if (missing > 0) await migrate(drizzle(sql), { migrationsFolder: MIGRATIONS });
    await migrateJobSchema(sql);
    await refuseTemporaryTables(sql, log);
    if (await isDistributed(sql)) await distributeTables(sql, log);
    return missing;
  });
}

/**
 * Drizzle's migrator sends CREATE SCHEMA IF NOT EXISTS, which Citus sends to the workers. So the migrator is called only if
 * a migration is missing: a server must be able to start while a worker is down.
 */
export async function countMissingMigrations(sql: Sql): Promise<number> {
  const all = readMigrationFiles({ migrationsFolder: MIGRATIONS });
  const [existing] =
    await sql`select from pg_tables where schemaname = 'drizzle' and tablename = '__drizzle_migrations'`;
  if (!existing) return all.length;
  const [row] = await sql`select max(created_at)::float8 as last from drizzle.__drizzle_migrations`;
  return all.filter(({ folderMillis }) => folderMillis > (row?.['last'] ?? 0)).length;
}

/**
 * PostgreSQL lets every role create temporary tables, and finds them before tables of the same name, which have row-level
 * security. The privilege belongs to the database and is missing in its dumps, so every start checks it. Citus sends a
 * revocation to the workers, so it is not repeated.
 */
async function refuseTemporaryTables(sql: Sql, log: Log): Promise<void> {
  if (!(await mayCreateTemporaryTables(sql))) return;
  await sql`do $$ begin
    execute format('revoke temporary on database %I from public, ambit_runtime', current_database());
  end $$`;
  if (!(await mayCreateTemporaryTables(sql))) return;
  const [row] = await sql`select current_database() as name`;
  log({
    level: 'warn',
    message: `the runtime role can create temporary tables; as the owner of the database, run: revoke temporary on database "${row?.['name']}" from public`,
  });
}

export async function mayCreateTemporaryTables(sql: Sql): Promise<boolean> {
  const [row] = await sql`select has_database_privilege('ambit_runtime', current_database(), 'TEMPORARY') as may`;
  return row?.['may'];
}
