import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import type { Sql } from 'postgres';
import type { Log } from '../lib/log.ts';
import { distributeTables, isDistributed } from './distribute.ts';
import { type MigrateOptions, withMigrationLock } from './migration-lock.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

/**
 * Applies the missing migrations, and returns their number. The role of `url` must own the tables. In a database that is
 * distributed over a cluster, also distributes what the migrations have added.
 */
export async function migrateDatabase(url: string, options: MigrateOptions = {}): Promise<number> {
  const { log = () => undefined } = options;
  return await withMigrationLock(url, options, async (sql) => {
    const before = await countMigrations(sql);
    await migrate(drizzle(sql), { migrationsFolder: MIGRATIONS });
    await refuseTemporaryTables(sql, log);
    if (await isDistributed(sql)) await distributeTables(sql, log);
    return (await countMigrations(sql)) - before;
  });
}

async function countMigrations(sql: Sql): Promise<number> {
  const [existing] =
    await sql`select from pg_tables where schemaname = 'drizzle' and tablename = '__drizzle_migrations'`;
  if (!existing) return 0;
  const [row] = await sql`select count(*)::int as count from drizzle.__drizzle_migrations`;
  return row?.['count'];
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
