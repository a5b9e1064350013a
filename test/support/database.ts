import postgres, { type Sql } from 'postgres';
import { afterAll, inject } from 'vitest';
import { newId } from '../../src/lib/ids.ts';

export interface TestDatabase {
  url: string;
  /** Connections of the superuser, which bypass row-level security. */
  root: Sql;
  /** A connection of the superuser to each node that has rows: on Citus the coordinator and the workers. */
  nodes: Sql[];
}

const QUIET = { onnotice: () => undefined };

/** A test may add triggers to the tables of a cluster. */
const TRIGGERS = { 'citus.enable_unsafe_triggers': 'on' } as object;

/** Settings of Citus with which a connection sees and changes the shards of its own node only. */
const OWN_SHARDS = {
  'citus.override_table_visibility': 'off',
  'citus.enable_manual_changes_to_shards': 'on',
  'citus.enable_ddl_propagation': 'off',
} as object;

/** Creates a database for the test file from the migrated template. With `template0` the database is empty. */
export async function cloneDatabase(template = inject('template')): Promise<TestDatabase> {
  const name = `test_${newId().replaceAll('-', '')}`;
  const addresses = [inject('server'), ...inject('workers')];
  const servers = addresses.map((address) => postgres(address.replace('%', 'postgres'), { max: 1, ...QUIET }));
  await Promise.all(servers.map((server) => createDatabase(server, name, template)));
  const [url = '', ...workers] = addresses.map((address) => address.replace('%', name));
  const root = postgres(url, { max: 4, ...QUIET, connection: TRIGGERS });
  const ownShards = (node: string): Sql => postgres(node, { max: 1, ...QUIET, connection: OWN_SHARDS });
  const nodes = inject('engine') === 'citus' ? [url, ...workers].map(ownShards) : [root];
  afterAll(async () => {
    await Promise.all([root, ...nodes].map((sql) => sql.end()));
    for (const [at, server] of servers.entries()) {
      await dropDatabase(server, addresses[at] ?? '', name);
      await server.end();
    }
  });
  return { url, root, nodes };
}

async function createDatabase(server: Sql, name: string, template: string): Promise<void> {
  await server.unsafe(`create database ${name} template ${template}`);
  // CREATE DATABASE does not copy the settings of the template.
  const settings = await server`
    select unnest(setconfig) as setting from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
    where d.datname = ${template} and s.setrole = 0`;
  for (const { setting } of settings) await server.unsafe(`alter database ${name} set ${setting}`);
}

/** Drops a database with its connections, prepared transactions and the subscriptions of an interrupted move of shards. */
export async function dropDatabase(server: Sql, address: string, name: string): Promise<void> {
  const leftovers = await server`
    select format('rollback prepared %L', gid) as statement from pg_prepared_xacts where database = ${name}
    union all
    select unnest(array[format('alter subscription %I disable', subname),
      format('alter subscription %I set (slot_name = none)', subname), format('drop subscription %I', subname)])
    from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = ${name}`;
  if (leftovers.length > 0) {
    const own = postgres(address.replace('%', name), { max: 1, ...QUIET });
    for (const { statement } of leftovers) await own.unsafe(statement);
    await own.end();
  }
  // Another node of a cluster can connect again before the database is dropped.
  let failure: unknown;
  for (let tries = 0; tries < 10; tries += 1) {
    failure = await server.unsafe(`drop database if exists ${name} with (force)`).then(
      () => undefined,
      (error: { code?: string }) => error,
    );
    if ((failure as { code?: string } | undefined)?.code !== IN_USE) break;
  }
  if (failure) throw failure;
}
const IN_USE = '55006';
