import type { Sql } from 'postgres';
import type { Log } from '../lib/log.ts';
import { CITUS_FUNCTIONS } from './citus.ts';
import { type MigrateOptions, withMigrationLock } from './migration-lock.ts';

/** The first version of Citus that distributes the tables as they are. */
const CITUS = 13;

/** A table that is not yet part of the cluster. */
interface Table {
  name: string;
  /** The column that the rows are distributed by. Null for a table of the instance, which stays on the coordinator. */
  distribution_column: string | null;
}

/**
 * Distributes the tables over the workers of a Citus cluster, with the rows that they have. Returns the names of the
 * tables; none if all were distributed before.
 */
export async function distributeDatabase(url: string, options: MigrateOptions = {}): Promise<string[]> {
  const { log = () => undefined } = options;
  return await withMigrationLock(url, options, async (sql) => {
    await assertCluster(sql);
    await useCoordinatorIfAlone(sql);
    const names = await distributeTables(sql, log);
    if (names.length > 0) await reconnectServers(sql);
    return names;
  });
}

/** Whether `distributeDatabase` has distributed the tables before. */
export async function isDistributed(sql: Sql): Promise<boolean> {
  const [row] = await sql`select ambit.is_distributed() as distributed`;
  return row?.['distributed'] === true;
}

async function assertCluster(sql: Sql): Promise<void> {
  const [extension] = await sql`select extversion as version from pg_extension where extname = 'citus'`;
  if (!extension)
    throw new Error(
      'the database is not part of a Citus cluster; on each node, run in this database: create extension citus',
    );
  if (Number.parseInt(extension['version'], 10) < CITUS)
    throw new Error(`the cluster runs Citus ${extension['version']}, but Ambit needs Citus ${CITUS} or later`);
  const [coordinator] = await sql`select from pg_dist_node where groupid = 0`;
  if (!coordinator)
    throw new Error(
      "the cluster does not know its coordinator; on it, run: select citus_set_coordinator_host('its host name', its port)",
    );
}

/** A cluster without workers stores the shards on its coordinator. */
async function useCoordinatorIfAlone(sql: Sql): Promise<void> {
  await sql`
    select citus_set_node_property(nodename, nodeport, 'shouldhaveshards', true) from pg_dist_node
    where groupid = 0 and not exists (select from pg_dist_node where shouldhaveshards)`;
}

/**
 * Distributes the tables that are not, all or none, and replaces the functions that need another form. Sends nothing to the
 * workers if both were done before, because a server must be able to start while a worker is down.
 */
export async function distributeTables(sql: Sql, log: Log): Promise<string[]> {
  const tables = await missingTables(sql);
  if (tables.length === 0 && (await haveFunctions(sql))) return [];
  await sql.begin(async (tx) => {
    await tx.unsafe(PREPARE);
    for (const [at, { name, distribution_column: column }] of tables.entries()) {
      log({ level: 'info', message: `distributing table ${at + 1} of ${tables.length}`, table: name });
      await tx`call ambit.distribute(${name}, ${column})`;
    }
    for (const { head, body } of CITUS_FUNCTIONS) await tx.unsafe(`create or replace function ${head} as $$${body}$$`);
    // Citus connects to the workers as the role of the session.
    await tx`alter role ambit_runtime login`;
    await tx`alter role ambit_lookup login`;
  });
  await dropLocalRows(sql, tables);
  return tables.map(({ name }) => name);
}

const PREPARE = `do $$ declare name text; begin
  for name in select tablename from pg_tables where schemaname = 'public' loop
    call ambit.simplify_policies(name);
  end loop;
  execute format('alter database %I set citus.propagate_set_commands = local', current_database());
end $$`;

/** Whether the functions have the form for a cluster. A migration may have replaced one. */
async function haveFunctions(sql: Sql): Promise<boolean> {
  const rows = await sql`select prosrc from pg_proc where pronamespace = 'ambit'::regnamespace`;
  const bodies = new Set(rows.map((row) => row['prosrc']));
  return CITUS_FUNCTIONS.every(({ body }) => bodies.has(body));
}

/** The tables that are not distributed, each after those that it refers to. All others are colocated with `organizations`. A tenant table has the policy `tenant`. */
const missingTables = (sql: Sql): Promise<Table[]> => sql<Table[]>`
  with recursive tables as (
    select c.oid, c.relname as name, case
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
  select t.name, t.distribution_column from tables t join levels l using (oid)
  where not exists (select from pg_dist_partition d where d.logicalrelid = t.oid)
  group by t.name, t.distribution_column
  order by t.distribution_column is null, t.name <> 'organizations', max(l.level), t.name`;

/** After the distribution, a table still has its former rows on the coordinator, where no query finds them. */
async function dropLocalRows(sql: Sql, tables: Table[]): Promise<void> {
  for (const { name, distribution_column: column } of tables)
    if (column) await sql`select truncate_local_data_after_distributing_table(${`public.${name}`}::regclass)`;
}

/** The connections of running servers have the settings of the database as it was before. */
async function reconnectServers(sql: Sql): Promise<void> {
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'ambit'`;
}
