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
  /** Superuser's address: owns the tables and walks through row-level security. */
  url: string;
  /** Address of a login that is nothing but a member of the runtime role. */
  runtimeUrl: string;
  organizations: Organization[];
}

export interface Server extends Embedded {
  /** A new database with these contents. */
  create(name: string, amounts: Partial<Amounts>): Promise<Database>;
}

/** Room for the pools of all contenders; everything else, fsync too, is as Postgres has it. */
const SETTINGS = { max_connections: '300' };

/** Starts the bench's own server; its data is made anew every time. */
export async function startDatabase(): Promise<Server> {
  const server = await startEmbedded(BENCH_DIR, SETTINGS);
  return {
    ...server,
    async create(name, amounts) {
      const start = performance.now();
      await server.sql.unsafe(`drop database if exists ${name} with (force)`);
      await server.sql.unsafe(`create database ${name}`);
      const url = server.url(name);
      await migrateDatabase(url);
      const sql = postgres(url, { max: 1, onnotice: () => undefined });
      const organizations = await seed(sql, amounts);
      await sql.end();
      progress(`database ${name}: ${Math.round(performance.now() - start)} ms`);
      return { url, runtimeUrl: await server.loginUrl(name, RUNTIME_ROLE), organizations };
    },
  };
}

/** Ends the database server whatever comes of `work`. */
export async function withDatabase(work: (server: Server) => Promise<void>): Promise<void> {
  const server = await startDatabase();
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

/** Environment of the product on this database. */
export const ambitOn = ({ url, runtimeUrl }: Database): Record<string, string> => ({
  DATABASE_URL: runtimeUrl,
  MIGRATION_DATABASE_URL: url,
  DATABASE_POOL: String(POOL),
});

/** Environment of a peer on this database: past all walls unless told. */
export const peerOn = ({ url }: { url: string }): Record<string, string> => ({ DATABASE_URL: url, POOL: String(POOL) });
