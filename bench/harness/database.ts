import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres, { type Sql } from 'postgres';
import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { type Embedded, startEmbedded } from '../../src/db/embedded.ts';
import type { Amounts } from './amounts.ts';
import { progress } from './rounds.ts';
import type { Organization } from './seed.ts';
import { POOL } from './settings.ts';

const { BENCH_DIR = '.ambit/bench' } = process.env;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Database {
  /** URL for the superuser, who owns the tables and bypasses row-level security. */
  url: string;
  /** URL for a login role that is only a member of the runtime role. */
  runtimeUrl: string;
  organizations: Organization[];
  /** The folder of another checkout, if the database has its migrations. Ambit then runs from there. */
  checkout?: string | undefined;
}

export interface Server extends Embedded {
  /** Creates a database with these contents, for this or for another checkout. */
  create(name: string, amounts: Partial<Amounts>, checkout?: string): Promise<Database>;
}

/** Enough connections for the pools of all contenders. All other settings have their defaults, including fsync. */
const SETTINGS = { max_connections: '300' };

/** Starts the server of the bench. Its databases are created again in each run. */
export async function startDatabase(): Promise<Server> {
  const server = await startEmbedded(BENCH_DIR, SETTINGS);
  return {
    ...server,
    async create(name, amounts, checkout) {
      const start = performance.now();
      await createEmpty(server.sql, name);
      const url = server.url(name);
      const organizations = await fillDatabase(url, amounts, checkout);
      progress(`database ${name}: ${Math.round(performance.now() - start)} ms`);
      return { url, runtimeUrl: await server.loginUrl(name, RUNTIME_ROLE), organizations, checkout };
    },
  };
}

/** Creates an empty database. Drops one of the same name. */
export async function createEmpty(sql: Sql, name: string): Promise<void> {
  await sql.unsafe(`drop database if exists ${name} with (force)`);
  await sql.unsafe(`create database ${name}`);
}

/** Creates the tables and fills them. */
export async function fillDatabase(url: string, amounts: Partial<Amounts>, checkout?: string): Promise<Organization[]> {
  const { migrateDatabase, seed } = await toolsOf(checkout);
  await migrateDatabase(url);
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const organizations = await seed(sql, amounts);
  await sql.end();
  return organizations;
}

interface Tools {
  migrateDatabase(url: string): Promise<unknown>;
  seed(sql: Sql, amounts: Partial<Amounts>): Promise<Organization[]>;
}

/** Another checkout may have other tables, so its own code creates and fills them. */
async function toolsOf(checkout = ROOT): Promise<Tools> {
  const { migrateDatabase } = await import(join(checkout, 'src/db/migrate.ts'));
  const { seed } = await import(join(checkout, 'bench/harness/seed.ts'));
  return { migrateDatabase, seed };
}

/** Starts the database server, runs `work`, and stops the server. */
export async function withDatabase(work: (server: Server) => Promise<void>): Promise<void> {
  const server = await startDatabase();
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

/** Environment variables of Ambit for this database. */
export const ambitOn = ({ url, runtimeUrl }: Database): Record<string, string> => ({
  DATABASE_URL: runtimeUrl,
  MIGRATION_DATABASE_URL: url,
  DATABASE_POOL: String(POOL),
});

/** Environment variables of a peer for this database. As the superuser, so without enforcement, by default. */
export const peerOn = ({ url }: { url: string }): Record<string, string> => ({ DATABASE_URL: url, POOL: String(POOL) });
