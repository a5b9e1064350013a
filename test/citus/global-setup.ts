import type { TestProject } from 'vitest/node';
import { distributeDatabase } from '../../src/db/distribute.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { dropDatabase } from '../support/database.ts';
import { joinNodes, nodesOf, onEachNode } from './cluster.ts';

const TEMPLATE = 'ambit_template';

/** Settings of the template and its clones. */
const SETTINGS = {
  // Each of two workers has several. A clone copies each shard of each table.
  'citus.shard_count': 4,
  // Citus reports the shards that each statement uses. `watchShards` reads it.
  'citus.log_remote_commands': 'on',
  'citus.log_local_commands': 'on',
};

/** With the locale of the server that Ambit starts by itself. In the locale C, `lower` changes ASCII letters only. */
const CREATE_TEMPLATE = `create database ${TEMPLATE} template template0 encoding 'UTF8' locale 'C.UTF-8'`;

/**
 * Creates a migrated and distributed database on the cluster, as a template. A test file clones it on each node by
 * itself: the clones contain the same shards and metadata, and Citus connects to the database of the same name.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [coordinator = '', ...workers] = await nodesOf(process.env['CITUS_DATABASE_URL'] ?? '');
  const nodes = [coordinator, ...workers];
  await dropTestDatabases(nodes);
  await onEachNode(nodes, 'postgres', (sql) => sql.unsafe(CREATE_TEMPLATE));
  await joinNodes(nodes, TEMPLATE);
  await onEachNode([coordinator], TEMPLATE, async (sql) => {
    for (const [name, value] of Object.entries(SETTINGS))
      await sql.unsafe(`alter database ${TEMPLATE} set ${name} = ${value}`);
  });
  await migrateDatabase(coordinator.replace('%', TEMPLATE));
  await distributeDatabase(coordinator.replace('%', TEMPLATE));
  await onEachNode(nodes, 'postgres', async (sql) => {
    // CREATE DATABASE needs a template without connections, and Citus has one for its maintenance.
    await sql.unsafe(`alter database ${TEMPLATE} allow_connections false`);
    await sql`select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = ${TEMPLATE}`;
  });
  project.provide('engine', 'citus');
  project.provide('server', coordinator);
  project.provide('workers', workers);
  project.provide('template', TEMPLATE);
  return () => dropTestDatabases(nodes);
}

/** Also those that an interrupted run left. */
async function dropTestDatabases(nodes: string[]): Promise<void> {
  // The coordinator first, so that it starts no statement on a worker whose database is gone.
  for (const node of nodes)
    await onEachNode([node], 'postgres', async (sql) => {
      const rows =
        await sql`select datname as name from pg_database where datname = ${TEMPLATE} or datname like 'test\\_%'`;
      for (const { name } of rows) await dropDatabase(sql, node, name);
    });
}
