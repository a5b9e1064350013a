import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../../src/db/embedded.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser's address of the server, with `%` in the place of the database. */
    server: string;
  }
}

export const TEMPLATE = 'ambit_template';

/** One server for the whole run, with a migrated database that each test file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
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
  return () => server.stop();
}
