import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../../src/db/embedded.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import { newId } from '../../src/lib/ids.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser's address of the server, with `%` in the place of the database. */
    server: string;
    /** The same for each worker of a Citus cluster. */
    workers: string[];
    /** What the tests run on. A test may ask for it if an expected text differs. */
    engine: 'postgresql' | 'citus';
    /** Name of the migrated database that each test file clones. */
    template: string;
  }
}

const TEMPLATE = 'ambit_template';

/** One server for the whole run, with a migrated database that each test file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  project.provide('engine', 'postgresql');
  project.provide('workers', []);
  const given = process.env['AMBIT_TEST_SERVER'];
  return given ? await useServer(project, given) : await startOwn(project);
}

/** For a run that a test starts: uses the server of the run that the test belongs to. */
async function useServer(project: TestProject, address: string): Promise<() => Promise<void>> {
  const template = `test_${newId().replaceAll('-', '')}`;
  const server = postgres(address.replace('%', 'postgres'), { max: 1, onnotice: () => undefined });
  await server.unsafe(`create database ${template}`);
  await migrateDatabase(address.replace('%', template));
  project.provide('server', address);
  project.provide('template', template);
  return async () => {
    await server.unsafe(`drop database ${template} with (force)`);
    await server.end();
  };
}

async function startOwn(project: TestProject): Promise<() => Promise<void>> {
  const server = await startEmbedded(process.env['AMBIT_TEST_DIR'] ?? '.ambit/test', {
    fsync: 'off',
    synchronous_commit: 'off',
    max_connections: '400',
  });
  // The suite opens thousands of connections, and each verifies the password.
  const { password } = new URL(server.url(TEMPLATE));
  await server.sql.unsafe(`set scram_iterations = 1; alter role postgres password '${password}'`);
  await server.sql.unsafe(`drop database if exists ${TEMPLATE}`);
  for (const { datname } of await server.sql`select datname from pg_database where datname like 'test_%'`)
    await server.sql.unsafe(`drop database "${datname}" with (force)`);
  await server.sql.unsafe(`create database ${TEMPLATE}`);
  await migrateDatabase(server.url(TEMPLATE));
  project.provide('server', server.url('%'));
  project.provide('template', TEMPLATE);
  return () => server.stop();
}
