import { join } from 'node:path';
import postgres from 'postgres';
import { RUNTIME_ROLE } from '../../src/db/client.ts';
import { type Embedded, startEmbedded } from '../../src/db/embedded.ts';
import { migrateDatabase } from '../../src/db/migrate.ts';
import type { Amounts } from './amounts.ts';
import { progress } from './rounds.ts';
import { type Organization, seed } from './seed.ts';
import { POOL } from './settings.ts';

const { BENCH_DIR = '.ambit/bench' } = process.env;

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
      await server.sql.unsafe(`drop database if exists ${name} with (force)`);
      await server.sql.unsafe(`create database ${name}`);
      const url = server.url(name);
      await (await migrationOf(checkout))(url);
      const sql = postgres(url, { max: 1, onnotice: () => undefined });
      const organizations = await seed(sql, amounts);
      await sql.end();
      progress(`database ${name}: ${Math.round(performance.now() - start)} ms`);
      return { url, runtimeUrl: await server.loginUrl(name, RUNTIME_ROLE), organizations, checkout };
    },
  };
}

async function migrationOf(checkout?: string): Promise<(url: string) => Promise<unknown>> {
  if (!checkout) return migrateDatabase;
  return (await import(join(checkout, 'src/db/migrate.ts'))).migrateDatabase;
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
