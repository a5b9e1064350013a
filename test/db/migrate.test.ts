import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Sql } from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { MIGRATION_LOCK } from '../../src/db/migration-lock.ts';
import { newId } from '../../src/lib/ids.ts';
import { cloneDatabase } from '../support/database.ts';
import { MIGRATIONS } from '../support/rewrites.ts';

const WAITING = { level: 'info', message: 'another node migrates the database; waiting' };

const applied = async (root: Sql): Promise<number> =>
  (await root`select count(*)::int as count from drizzle.__drizzle_migrations`)[0]?.['count'];

/** Holds the lock as a migrating node does, until the returned function is called. */
async function holdLock(root: Sql): Promise<() => Promise<void>> {
  const connection = await root.reserve();
  await connection`select pg_advisory_lock(${MIGRATION_LOCK})`;
  return async () => {
    await connection`select pg_advisory_unlock(${MIGRATION_LOCK})`;
    connection.release();
  };
}

test('nodes that start at once migrate an empty database once', async () => {
  const { url, root } = await cloneDatabase('template0');
  await Promise.all([migrateDatabase(url), migrateDatabase(url), migrateDatabase(url)]);
  expect(await applied(root)).toBe(MIGRATIONS.length);
});

test('the owner of the tables may have the name of the schema ambit, which PostgreSQL then searches first', async () => {
  const { url, root } = await cloneDatabase('template0');
  await root.unsafe(`alter database ${new URL(url).pathname.slice(1)} set search_path = ambit, public`);
  await migrateDatabase(url);
  expect(await root`select from pg_tables where schemaname = 'ambit'`).toHaveLength(0);
});

test('a node logs once that another node migrates, waits, and then continues', async () => {
  const { url, root } = await cloneDatabase('template0');
  const release = await holdLock(root);
  const { promise: waits, resolve } = Promise.withResolvers<void>();
  const logged: unknown[] = [];
  const migrated = migrateDatabase(url, {
    log: (entry) => {
      logged.push(entry);
      resolve();
    },
  });
  await Promise.race([waits, migrated]);
  const [before] = await root`select to_regclass('drizzle.__drizzle_migrations') as table`;
  expect(before?.['table']).toBeNull();
  await release();
  await migrated;
  expect(logged).toEqual([WAITING]);
  expect(await applied(root)).toBe(MIGRATIONS.length);
});

test('a node that waits too long for another migration fails with one line', async () => {
  const { url, root } = await cloneDatabase('template0');
  const release = await holdLock(root);
  onTestFinished(release);
  const logged: unknown[] = [];
  const migrated = migrateDatabase(url, { lockTimeout: 600, log: (entry) => logged.push(entry) });
  await expect(migrated).rejects.toThrow(
    /^another node has not finished its migration within 0.6 s; start again later$/,
  );
  expect(logged).toEqual([WAITING]);
});

test('a migration fails when the server accepts a connection and never answers', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const migrated = migrateDatabase(`postgres://nobody@127.0.0.1:${port}/none`, { connectTimeout: 300 });
  await expect(migrated).rejects.toThrow(/CONNECT_TIMEOUT/);
});

test('the migration of billing begins the history of organizations that exist already', async () => {
  const { root } = await cloneDatabase('template0');
  const run = async (statements: string[]): Promise<void> => {
    for (const statement of statements) await root.unsafe(statement);
  };
  const at = MIGRATIONS.findIndex(({ name }) => name.endsWith('_people'));
  for (const { statements } of MIGRATIONS.slice(0, at)) await run(statements);
  const id = '01890000-0000-7000-8000-000000000001';
  await root`insert into organizations (id, slug, name, plan, created_at)
    values (${id}, 'old', 'Old', 'TEAM', '2026-01-02T03:04:05Z')`;
  await run(MIGRATIONS[at]?.statements ?? []);
  expect(await root`select organization_id, plan, started_at, ended_at, changed_by from plan_periods`).toEqual([
    {
      organization_id: id,
      plan: 'TEAM',
      started_at: new Date('2026-01-02T03:04:05Z'),
      ended_at: null,
      changed_by: null,
    },
  ]);
  const forced = await root`select relname from pg_class where relrowsecurity and not relforcerowsecurity`;
  expect(forced).toEqual([]);
});

test('takes the right to create temporary tables from the runtime role, also in a restored database', async () => {
  const { url, root } = await cloneDatabase('template0');
  await migrateDatabase(url);
  const shadow = () =>
    root.begin(async (tx) => {
      await tx`set local role ambit_runtime`;
      await tx`create temporary table assignments as select * from public.assignments`;
      throw new Error('undo');
    });
  await expect(shadow()).rejects.toThrow('permission denied to create temporary tables');
  await root`do $$ begin execute format('grant temporary on database %I to public', current_database()); end $$`;
  await expect(shadow()).rejects.toThrow('undo');
  await migrateDatabase(url);
  await expect(shadow()).rejects.toThrow('permission denied to create temporary tables');
});

test('logs a warning if it may not take that right, because another role owns the database', async () => {
  const { url, root } = await cloneDatabase();
  const login = `login_${newId().replaceAll('-', '')}`;
  await root.unsafe(`create role ${login} login password 'secret' in role ambit_runtime;
    grant create on database ${new URL(url).pathname.slice(1)} to ${login};
    grant all on schema drizzle to ${login};
    grant select on drizzle.__drizzle_migrations to ${login}`);
  onTestFinished(async () => {
    await root.unsafe(`drop owned by ${login}; drop role ${login}`);
  });
  const address = new URL(url);
  [address.username, address.password] = [login, 'secret'];
  const logged: { message?: unknown }[] = [];
  await migrateDatabase(address.href, { log: (entry) => logged.push(entry) });
  expect(logged.map(({ message }) => message)).toEqual([
    expect.stringContaining('the runtime role can create temporary tables; as the owner of the database, run: '),
  ]);
});
