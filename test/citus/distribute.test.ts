import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, expect, inject, test } from 'vitest';
import { distributeDatabase } from '../../src/db/distribute.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { withMigrationLock } from '../../src/db/migration-lock.ts';
import { newId } from '../../src/lib/ids.ts';
import { createSampleObjects, dumpRows, organizationUuid, withBinding } from '../enforcement/support.ts';
import { startApi } from '../support/api.ts';
import { cloneDatabase, type TestDatabase } from '../support/database.ts';
import { protectTable } from '../support/protect-table.ts';
import { QUICK_START } from '../support/run.ts';
import { until } from '../support/until.ts';
import { createOrganization, mutate, queryData } from '../support/world.ts';
import { joinNodes, onEachNode } from './cluster.ts';
import { differencesOfShards } from './shard-catalog.ts';

const [coordinator = '', ...workers] = [inject('server'), ...inject('workers')];
const nodes = [coordinator, ...workers];

/** An empty database on a cluster with these workers. */
async function createCluster(members = workers): Promise<TestDatabase & { name: string }> {
  const database = await cloneDatabase('template0');
  const name = new URL(database.url).pathname.slice(1);
  await joinNodes([coordinator, ...members], name);
  await database.root.unsafe(`alter database ${name} set citus.shard_count = 4`);
  return { ...database, name };
}

/** A role that owns the database on each node, and is not a superuser. Managed clusters offer no other. */
const OWNER = `owner_${newId().replaceAll('-', '')}`;
afterAll(() =>
  onEachNode(nodes, 'postgres', async (sql) => {
    await sql.unsafe(`drop owned by ${OWNER}`);
    await sql.unsafe(`drop role ${OWNER}`);
  }),
);

async function createOwner({ root, url, name }: TestDatabase & { name: string }): Promise<string> {
  await root.unsafe(`create role ${OWNER} login createrole password 'secret'`);
  // The template of this run has created these roles.
  await root.unsafe(`grant ambit_runtime, ambit_lookup to ${OWNER} with admin option`);
  await root.unsafe(`alter database ${name} owner to ${OWNER}`);
  return Object.assign(new URL(url), { username: OWNER, password: 'secret' }).href;
}

/** Starts the command. Returns the process, and the exit code with the output, when it has ended. */
function startDistribute(url: string) {
  const child = spawn('node', [...QUICK_START, 'src/main.ts', 'distribute'], {
    env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: url, LOG_LEVEL: 'warn' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  return { child, ended: once(child, 'close').then(([code]) => [code, output]) };
}

const database = await createCluster();
const owner = await createOwner(database);
await migrateDatabase(owner);
const api = await startApi({ database });
const acme = await createOrganization(api, 'acme');
const globex = await createOrganization(api, 'globex');
for (const organization of [acme, globex]) await createSampleObjects(api, organization);
const rows = await dumpRows(api, ['rate_limits']);
const CHECKS = '{ checks { nodes { name category { name } owner { user { email } } } } }';
const checks = await queryData(acme.owner, CHECKS);

const tableCount = async (): Promise<number> =>
  (await api.root`select count(*)::int as count from pg_dist_partition`)[0]?.['count'];

test('Ctrl-C during the distribution leaves everything as it was', async () => {
  await api.root.begin(async (tx) => {
    // The distribution cannot change a table that a transaction reads.
    await tx`select from policies limit 1`;
    const { child, ended } = startDistribute(owner);
    const waits = () => api.root`select from pg_stat_activity
      where datname = current_database() and application_name = 'ambit-migrate' and wait_event_type = 'Lock'`;
    await until(async () => (await waits()).length === 1);
    child.kill('SIGINT');
    expect(await ended).toEqual([130, expect.stringMatching(/^ambit: interrupted; [^\n]+\n$/)]);
    await until(async () => (await waits()).length === 0);
  });
  expect(await tableCount()).toBe(0);
  expect(await dumpRows(api, ['rate_limits'])).toEqual(rows);
});

test('the rows are distributed by organization and stay the same, while a server is running', async () => {
  const [code, output] = await startDistribute(owner).ended;
  expect([code, output]).toEqual([
    0,
    expect.stringMatching(
      /^(\d+) of \1 tables were added to the cluster\. The rows of organizations are on 2 nodes\.\n/,
    ),
  ]);
  expect(await dumpRows(api, ['rate_limits'])).toEqual(rows);
  expect(await queryData(acme.owner, CHECKS)).toEqual(checks);
  expect(await mutate(acme.owner, 'createProject', { name: 'Later', key: 'later' })).toEqual({ errors: [] });

  const places = await api.root`
    select nodeport as port, array_agg(distinct table_name::text) as tables from citus_shards
    where citus_table_type = 'distributed' group by 1 order by 1`;
  expect(places).toHaveLength(workers.length);
  expect(places[0]?.['tables']).toEqual(places[1]?.['tables']);
  expect(places[0]?.['tables']).toContain('checks');
  // The former rows are not kept on the coordinator.
  const left = await api.root`select logicalrelid::text from pg_dist_partition
    where partmethod = 'h' and pg_relation_size(logicalrelid) > 0`;
  expect(left).toEqual([]);
});

test('a second distribution and a migration change nothing', async () => {
  const total = await tableCount();
  expect(await startDistribute(owner).ended).toEqual([
    0,
    `Nothing to do: all ${total} tables are part of the cluster.\n`,
  ]);
  const logged: unknown[] = [];
  const log = (entry: unknown): void => void logged.push(entry);
  expect(await distributeDatabase(owner, { log })).toMatchObject({ added: [], total, nodes: 2 });
  expect(await migrateDatabase(owner, { log })).toBe(0);
  expect(logged).toEqual([]);
});

test('a migration and a distribution that have nothing to do need no worker, so that a server starts while one is down', async () => {
  const setPort = (port: string) =>
    api.root.unsafe(
      `update pg_dist_node set nodeport = ${port} where groupid = (select max(groupid) from pg_dist_node)`,
    );
  await setPort('1');
  try {
    expect(await migrateDatabase(owner)).toBe(0);
    expect((await distributeDatabase(owner)).added).toEqual([]);
    await expect(migrateWith('CREATE TABLE other (id uuid)')).resolves.toBeUndefined();
    await expect(migrateWith('ALTER TABLE checks ADD COLUMN other uuid')).rejects.toThrow(
      'connection to the remote node',
    );
  } finally {
    await setPort(new URL(workers.at(-1) ?? '').port);
  }
});

/** Runs the statements of a migration, as a later version of Ambit does. */
const migrateWith = (migration: string): Promise<unknown> =>
  withMigrationLock(owner, {}, (sql) =>
    sql.begin(async (tx) => {
      for (const statement of migration.split('--> statement-breakpoint')) await tx.unsafe(statement);
    }),
  );

/** As drizzle-kit generates it. */
const RUNBOOKS = `CREATE TABLE "runbooks" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"index" integer NOT NULL,
	"check_id" uuid,
	"parent_id" uuid,
	CONSTRAINT "runbooks_organization_id_id_pk" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "runbooks_index" UNIQUE("organization_id","index")
);
--> statement-breakpoint
ALTER TABLE "runbooks" ADD CONSTRAINT "runbooks_parent" FOREIGN KEY ("organization_id","parent_id") REFERENCES "public"."runbooks"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runbooks" ADD CONSTRAINT "runbooks_organization_id_organizations_id_fk" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runbooks" ADD CONSTRAINT "runbooks_check" FOREIGN KEY ("organization_id","check_id") REFERENCES "public"."checks"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "runbooks_name" ON "runbooks" USING btree ("organization_id",lower("name"));
`;

const RUNBOOK_NAMES = `CREATE TABLE "runbook_names" (
	"name" text PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL
);
--> statement-breakpoint
CALL ambit.protect_directory('runbook_names');`;

/** The forms that CONTRIBUTING.md recommends for tables with rows. */
const CHANGES = `ALTER TABLE "checks" ADD COLUMN "runbook_id" uuid;--> statement-breakpoint
ALTER TABLE "checks" NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
UPDATE checks SET notes = 'Changed by a migration';--> statement-breakpoint
ALTER TABLE "checks" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "checks" ADD CONSTRAINT "checks_notes" CHECK (notes IS NOT NULL) NOT VALID;--> statement-breakpoint
ALTER TABLE "checks" VALIDATE CONSTRAINT "checks_notes";--> statement-breakpoint
ALTER TABLE "checks" ADD CONSTRAINT "checks_runbook" FOREIGN KEY ("organization_id","runbook_id") REFERENCES "public"."runbooks"("organization_id","id") NOT VALID;--> statement-breakpoint
ALTER TABLE "checks" VALIDATE CONSTRAINT "checks_runbook";--> statement-breakpoint
CREATE INDEX "checks_by_runbook" ON "checks" USING btree ("organization_id","runbook_id");`;

test('a table of a later migration is distributed by ambit.protect, and a directory by ambit.protect_directory', async () => {
  await migrateWith(protectTable(RUNBOOKS, 'runbooks'));
  await migrateWith(RUNBOOK_NAMES);
  const kinds = await api.root`select table_name::text as name, citus_table_type as type, distribution_column as by
    from citus_tables where table_name::text like 'runbook%' order by 1`;
  expect(kinds).toEqual([
    { name: 'runbook_names', type: 'local', by: '<none>' },
    { name: 'runbooks', type: 'distributed', by: 'organization_id' },
  ]);
  const [own, other] = [organizationUuid(acme), organizationUuid(globex)];
  await withBinding(api, { organization: own }, async (tx) => {
    await tx`insert into runbooks (organization_id, id, name, index) values (${own}, ${newId()}, 'Restart', 0)`;
    await tx`insert into runbook_names (name, organization_id) values ('Restart', ${own})`;
  });
  const seen = (organization: string) =>
    withBinding(api, { organization }, (tx) => tx`select name from runbooks union all select name from runbook_names`);
  expect(await seen(own)).toEqual([{ name: 'Restart' }, { name: 'Restart' }]);
  expect(await seen(other)).toEqual([]);
  const insertForeign = withBinding(api, { organization: other }, (tx) =>
    tx`insert into runbooks (organization_id, id, name, index) values (${own}, ${newId()}, 'Foreign', 1)`.execute(),
  );
  await expect(insertForeign).rejects.toThrow('row-level security');
});

test('a later migration changes a table with rows', async () => {
  await migrateWith(CHANGES);
  const { data } = await acme.owner.query('{ checks { nodes { notes } } }');
  expect(data.checks.nodes).toEqual([{ notes: 'Changed by a migration' }]);
});

test('each shard has the policies, triggers, constraints, indexes, grants and owner of its table', async () => {
  expect(await differencesOfShards(api.root)).toEqual([]);
  const [shard] =
    (await api.nodes[1]?.unsafe(`select c.oid::regclass::text as name from pg_class c
    where relname like 'checks\\_1%' and relkind = 'r' limit 1`)) ?? [];
  await api.nodes[1]?.unsafe(`alter table ${shard?.['name']} no force row level security`);
  expect(await differencesOfShards(api.root)).toEqual([
    expect.stringMatching(/^checks_\d+ differs from checks in security/),
  ]);
});

test('a cluster without workers stores the rows on the coordinator', async () => {
  const alone = await createCluster([]);
  await migrateDatabase(alone.url);
  expect(await distributeDatabase(alone.url)).toMatchObject({ nodes: 1 });
  const { owner: caller } = await createOrganization(await startApi({ database: alone }), 'alone');
  expect(await mutate(caller, 'createProject', { name: 'First', key: 'first' })).toEqual({ errors: [] });
  expect(await differencesOfShards(alone.root)).toEqual([]);
});

test('a database that cannot be distributed is refused with the reason, and stays as it was', async () => {
  const cluster = await createCluster();
  const { root, url } = cluster;
  const refused = async (message: RegExp, from = url): Promise<void> => {
    await expect(distributeDatabase(from)).rejects.toThrow(message);
    expect(await root`select from pg_dist_partition`).toEqual([]);
  };
  await migrateDatabase(url);
  await refused(
    /^it is on a worker of the cluster; use the URL of the coordinator$/,
    workers[0]?.replace('%', cluster.name),
  );
  const stranger = Object.assign(new URL(url), { username: OWNER, password: 'secret' }).href;
  await refused(/^the tables belong to the role \w+, not to owner_\w+; use the URL of their owner$/, stranger);
  await root`update pg_dist_node set nodeport = 1 where groupid = (select max(groupid) from pg_dist_node)`;
  await refused(
    /^the node \S+ cannot connect to \S+:1 as the role \w+; start \S+:1, and allow this role in its pg_hba.conf$/,
  );
  await root`delete from pg_dist_node where groupid = 0`;
  await refused(/^the workers do not know how to reach the coordinator; on it, run: select citus_set_coordinator_host/);
});
