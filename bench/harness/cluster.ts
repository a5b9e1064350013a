import postgres, { type Sql } from 'postgres';
import { distributeDatabase } from '../../src/db/distribute.ts';
import type { Amounts } from './amounts.ts';
import { createEmpty, type Database, fillDatabase } from './database.ts';
import { progress } from './rounds.ts';

/** Shards of each table. Fewer than Citus creates by default, because the bench creates several databases. */
const SHARDS = 8;

/** A node of a Citus cluster. Group 0 is the coordinator. */
interface Node {
  host: string;
  port: number;
  group: number;
}

export interface CreateOptions {
  amounts: Partial<Amounts>;
  /** Number of workers. 0 keeps the shards on the coordinator. Null creates a plain database. */
  workers: number | null;
  /** Adds rows before the tables are distributed. Runs as superuser, without triggers and foreign keys. */
  prepare(sql: Sql, database: Database): Promise<void>;
}

export interface Cluster {
  /** Number of workers. */
  workers: number;
  /** PostgreSQL and Citus. */
  versions: string;
  /** Creates a database on the coordinator and on so many workers. */
  create(name: string, options: CreateOptions): Promise<Database>;
  end(): Promise<void>;
}

const open = (url: string): Sql => postgres(url, { max: 1, onnotice: () => undefined });

/** Opens the cluster of this coordinator. The user must be a superuser on all nodes. */
export async function openCluster(url: string): Promise<Cluster> {
  const sql = open(url);
  const nodes = await sql<Node[]>`
    select nodename as host, nodeport as port, groupid as group from pg_dist_node order by groupid`;
  const [coordinator, ...workers] = nodes;
  if (coordinator?.group !== 0) throw new Error(`${new URL(url).host} is not the coordinator of a Citus cluster`);
  const [row] = await sql`
    select current_setting('server_version') as server, extversion as citus from pg_extension where extname = 'citus'`;
  return {
    workers: workers.length,
    versions: `PostgreSQL ${row?.['server']}, Citus ${row?.['citus']}`,
    async create(name, { amounts, workers: count, prepare }) {
      const start = performance.now();
      await createEmpty(sql, name);
      const own = urlOf(url, name);
      if (count !== null) await join(url, name, coordinator, workers.slice(0, count));
      const database = { url: own, runtimeUrl: own, organizations: await fillDatabase(own, amounts) };
      await addRows(database, prepare);
      if (count !== null) await distribute(own);
      progress(`database ${name}: ${Math.round(performance.now() - start)} ms`);
      return database;
    },
    end: () => sql.end(),
  };
}

/** The URL of another database, on this or another node. */
function urlOf(url: string, name: string, node?: Node): string {
  const changed = new URL(url);
  changed.pathname = name;
  if (node) Object.assign(changed, { hostname: node.host, port: String(node.port) });
  return changed.href;
}

/** Makes the database part of a cluster of its own, which uses these workers. */
async function join(url: string, name: string, coordinator: Node, workers: Node[]): Promise<void> {
  for (const worker of workers) await run(urlOf(url, 'postgres', worker), (sql) => createEmpty(sql, name));
  for (const of of [undefined, ...workers])
    await run(urlOf(url, name, of), (sql) => sql.unsafe('create extension citus'));
  await run(urlOf(url, name), async (sql) => {
    await sql`select citus_set_coordinator_host(${coordinator.host}, ${coordinator.port})`;
    for (const { host, port } of workers) await sql`select citus_add_node(${host}, ${port})`;
    await sql.unsafe(`alter database ${name} set citus.shard_count = ${SHARDS}`);
  });
}

const addRows = (database: Database, prepare: CreateOptions['prepare']): Promise<void> =>
  run(database.url, async (sql) => {
    await sql`set session_replication_role = replica`;
    await prepare(sql, database);
  });

async function distribute(url: string): Promise<void> {
  await distributeDatabase(url);
  await run(url, async (sql) => {
    const tables = await sql`select logicalrelid::regclass::text as name from pg_dist_partition`;
    for (const { name } of tables) await sql.unsafe(`vacuum (analyze) ${name}`);
  });
}

async function run(url: string, work: (sql: Sql) => Promise<unknown>): Promise<void> {
  const sql = open(url);
  try {
    await work(sql);
  } finally {
    await sql.end();
  }
}
