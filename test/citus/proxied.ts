import postgres, { type Sql } from 'postgres';
import { afterAll, inject } from 'vitest';
import { distributeDatabase } from '../../src/db/distribute.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { newId } from '../../src/lib/ids.ts';
import { type NetworkProxy, startProxy } from '../faults/proxy.ts';
import { dropDatabase } from '../support/database.ts';
import { onEachNode } from './cluster.ts';

/** A distributed database whose coordinator reaches each worker through a proxy. */
export interface ProxiedDatabase {
  url: string;
  /** Connections of the superuser to the coordinator. */
  root: Sql;
  workers: ProxiedWorker[];
}

export interface ProxiedWorker {
  proxy: NetworkProxy;
  /** Its port in `pg_dist_node`. */
  port: number;
}

/** The proxies listen on loopback, so the nodes must run on this machine. */
const HOST = '127.0.0.1';

const SHARDS = 4;

/** A fault can leave a connection between the nodes that no answer comes from. */
const CHECKING = { 'citus.max_cached_conns_per_worker': '0', statement_timeout: '30000' } as object;

/** Creates and distributes a database. It is dropped when the test file ends. */
export async function createProxiedDatabase(): Promise<ProxiedDatabase> {
  const nodes = [inject('server'), ...inject('workers')];
  const name = `test_${newId().replaceAll('-', '')}`;
  const [url = '', ...others] = nodes.map((node) => node.replace('%', name));
  await onEachNode(nodes, 'postgres', (sql) => sql.unsafe(`create database ${name}`));
  const root = postgres(url, { max: 4, onnotice: () => undefined, connection: CHECKING });
  const workers: ProxiedWorker[] = [];
  afterAll(async () => {
    await root.end({ timeout: 1 });
    for (const { proxy } of workers) proxy.close();
    for (const node of nodes) await onEachNode([node], 'postgres', (sql) => dropDatabase(sql, node, name));
  });
  await onEachNode(nodes, name, (sql) => sql`create extension citus`);
  await root`select citus_set_coordinator_host(${HOST}, ${Number(new URL(url).port || 5432)})`;
  for (const worker of others) {
    const proxy = await startProxy(Number(new URL(worker).port || 5432));
    await root`select citus_add_node(${HOST}, ${proxy.port})`;
    workers.push({ proxy, port: proxy.port });
  }
  await root.unsafe(`alter database ${name} set citus.shard_count = ${SHARDS}`);
  await migrateDatabase(url);
  await distributeDatabase(url);
  return { url, root, workers };
}

/** The port of the worker that stores the organization. */
export async function workerOf(root: Sql, organizationId: string): Promise<number> {
  const [row] = await root`
    select n.nodeport as port from pg_dist_placement p join pg_dist_node n using (groupid)
    where p.shardid = get_shard_id_for_distribution_column('organizations', ${organizationId}::uuid)`;
  return Number(row?.['port']);
}
