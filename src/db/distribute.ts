import type { Sql, TransactionSql } from 'postgres';
import type { Log } from '../lib/log.ts';
import { CITUS_FUNCTIONS } from './citus-functions.ts';
import { allowLogin, assertConnected, assertCoordinator, assertOwner, useCoordinatorIfAlone } from './cluster.ts';
import { type MigrateOptions, withMigrationLock } from './migration-lock.ts';

/** A table that is not yet part of the cluster. */
interface Table {
  name: string;
  /** The distribution column. Null for a table of the instance, which stays on the coordinator. */
  distribution_column: string | null;
  /** Number of rows, as `ANALYZE` has estimated it. Counting the rows of a large table would take long. */
  rows: number;
}

/** What `distributeDatabase` has done. */
export interface Distribution {
  /** The tables that were added to the cluster. None if all were distributed before. */
  added: string[];
  /** Number of tables of the database. */
  total: number;
  /** Number of nodes that store the rows of organizations. */
  nodes: number;
  /** Whether the connections of running servers were closed. A role may not be allowed to do this. */
  hasReconnected: boolean;
}

/** Distributes the tables over the workers of a Citus cluster, with the rows that they have. */
export async function distributeDatabase(url: string, options: MigrateOptions = {}): Promise<Distribution> {
  const { log = () => undefined } = options;
  return await withMigrationLock(url, options, async (sql) => {
    await assertCoordinator(sql);
    // PostgreSQL then notices within a second, also during a statement, that this process has ended, and rolls back.
    await sql`set client_connection_check_interval = '1s'`;
    await assertOwner(sql);
    await allowLogin(sql);
    await useCoordinatorIfAlone(sql);
    const added = await distributeTables(sql, log);
    const [row] = await sql`
      select (select count(*)::int from pg_tables where schemaname = 'public') as total,
        (select count(*)::int from pg_dist_node where shouldhaveshards and isactive) as nodes`;
    const { total, nodes } = row as { total: number; nodes: number };
    return { added, total, nodes, hasReconnected: added.length === 0 || (await reconnectServers(sql)) };
  });
}

/** Whether `distributeDatabase` has distributed the tables before. */
export async function isDistributed(sql: Sql): Promise<boolean> {
  const [row] = await sql`select ambit.is_distributed() as distributed`;
  return row?.['distributed'] === true;
}

/**
 * Adds the missing tables to the cluster, and replaces the functions that need another form there, in one transaction. Sends
 * nothing to the workers if both were done before, because a server must be able to start while a worker is down. Returns
 * the names of the tables that were added.
 */
export async function distributeTables(sql: Sql, log: Log): Promise<string[]> {
  let tables = await missingTables(sql);
  if (tables.length > 0 || !(await haveFunctions(sql))) {
    await assertConnected(sql);
    for (const { name } of tables) await sql`analyze ${sql(name)}`;
    tables = await missingTables(sql);
    await sql.begin(async (tx) => {
      await tx.unsafe(SIMPLIFY_POLICIES);
      for (const [at, table] of tables.entries())
        await distributeTable(tx, table, (entry) => log({ ...entry, number: at + 1, of: tables.length }));
      for (const { head, body } of CITUS_FUNCTIONS)
        await tx.unsafe(`create or replace function ${head} as $$${body}$$`);
    });
  }
  await dropLocalRows(sql);
  return tables.map(({ name }) => name);
}

async function distributeTable(
  sql: TransactionSql,
  { name, rows, distribution_column: column }: Table,
  log: Log,
): Promise<void> {
  const startedAt = performance.now();
  const entry = { level: 'info', table: name, rows };
  log({ ...entry, message: 'distributing table' });
  await sql`call ambit.distribute(${name}, ${column})`;
  log({ ...entry, message: 'distributed table', durationMs: Math.round(performance.now() - startedAt) });
}

const SIMPLIFY_POLICIES = `do $$ declare name text; begin
  for name in select tablename from pg_tables where schemaname = 'public' loop
    call ambit.simplify_policies(name);
  end loop;
end $$`;

/** Whether the functions have the form for a cluster. A later migration may have replaced one. */
async function haveFunctions(sql: Sql): Promise<boolean> {
  const rows = await sql`select prosrc from pg_proc where pronamespace = 'ambit'::regnamespace`;
  const bodies = new Set(rows.map((row) => row['prosrc']));
  return CITUS_FUNCTIONS.every(({ body }) => bodies.has(body));
}

/**
 * The tables that are not part of the cluster, each after those that it refers to. `organizations` is the first, because the
 * other tenant tables are colocated with it. A table with the policy `tenant` is a tenant table.
 */
const missingTables = (sql: Sql): Promise<Table[]> => sql<Table[]>`
  with recursive tables as (
    select c.oid, c.relname as name, c.reltuples::float8 as rows, case
      when not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant') then null
      when c.relname = 'organizations' then 'id'
      else 'organization_id' end as distribution_column
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
  ), levels as (
    select oid, 0 as level from tables
    union
    select f.conrelid, l.level + 1 from levels l join pg_constraint f
      on f.confrelid = l.oid and f.contype = 'f' and f.conrelid <> f.confrelid
  )
  select t.name, t.distribution_column, t.rows from tables t join levels l using (oid)
  where not exists (select from pg_dist_partition d where d.logicalrelid = t.oid)
  group by t.name, t.distribution_column, t.rows
  order by t.distribution_column is null, t.name <> 'organizations', max(l.level), t.name`;

/**
 * Deletes the former rows of distributed tables on the coordinator. The distribution copies them to the shards and leaves
 * them where they were, where no query reads them. If this run is interrupted, the next one deletes them.
 */
async function dropLocalRows(sql: Sql): Promise<void> {
  const tables = await sql`
    select logicalrelid::text as name from pg_dist_partition
    where partmethod = 'h' and pg_relation_size(logicalrelid) > 0 order by 1`;
  for (const { name } of tables) {
    await sql`select truncate_local_data_after_distributing_table(${name}::regclass)`;
    await sql`analyze ${sql(name)}`;
  }
}

/**
 * Closes the connections of running servers, which then open new ones. A connection that is older than the extension would
 * plan its statements as for plain PostgreSQL. Returns false if the role may not close them.
 */
async function reconnectServers(sql: Sql): Promise<boolean> {
  const servers = sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'ambit'`;
  return await servers.then(
    () => true,
    () => false,
  );
}
