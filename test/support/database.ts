import postgres, { type Sql } from 'postgres';
import { afterAll, inject } from 'vitest';
import { newId } from '../../src/lib/ids.ts';

export interface TestDatabase {
  url: string;
  /** Connections of the superuser, which bypass row-level security. */
  root: Sql;
}

/** Creates a database for the test file from the migrated template. With `template0` the database is empty. */
export async function cloneDatabase(template = inject('template')): Promise<TestDatabase> {
  const address = (name: string): string => inject('server').replace('%', name);
  const name = `test_${newId().replaceAll('-', '')}`;
  const server = postgres(address('postgres'), { max: 1, onnotice: () => undefined });
  await server.unsafe(`create database ${name} template ${template}`);
  const root = postgres(address(name), { max: 4, onnotice: () => undefined });
  afterAll(async () => {
    await root.end();
    await server.unsafe(`drop database ${name} with (force)`);
    await server.end();
  });
  return { url: address(name), root };
}
