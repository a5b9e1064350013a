import postgres, { type Sql } from 'postgres';
import type { Config } from '../../config.ts';
import { RUNTIME_ROLE } from '../../db/client.ts';
import { findRunning, hasData } from '../../db/embedded/running.ts';
import type { Embedded } from '../../db/embedded.ts';
import { DATABASE, startDatabase } from '../database.ts';

/** The database that is checked. */
export interface Database {
  /** A connection of the migration role. */
  sql: Sql;
  /** The URL of the connections for requests. */
  runtimeUrl: string;
  close(): Promise<void>;
}

/** The embedded database does not exist yet. */
export class NoDatabaseError extends Error {}

const CONNECT_TIMEOUT_S = 5;

/** Opens the database. The embedded server is used if it runs, and is started for the checks if it does not. */
export async function openDatabase(config: Config): Promise<Database> {
  const { databaseUrl, migrationUrl, dataDir } = config;
  if (databaseUrl && migrationUrl) return await openUrls(migrationUrl, databaseUrl);
  if (!(await hasData(dataDir))) throw new NoDatabaseError();
  const running = await findRunning(dataDir);
  if (running) return await openUrls(running.url(DATABASE), running.loginUrl(DATABASE, RUNTIME_ROLE));
  const embedded = await startDatabase(config, {});
  return await openEmbedded(embedded).catch(async (error: unknown) => {
    await embedded.stop();
    throw error;
  });
}

async function openEmbedded(embedded: Embedded): Promise<Database> {
  const opened = await openUrls(embedded.url(DATABASE), await embedded.loginUrl(DATABASE, RUNTIME_ROLE));
  return {
    ...opened,
    async close() {
      await opened.close();
      await embedded.stop();
    },
  };
}

async function openUrls(migrationUrl: string, runtimeUrl: string): Promise<Database> {
  const sql = postgres(migrationUrl, {
    max: 2,
    fetch_types: false,
    connect_timeout: CONNECT_TIMEOUT_S,
    onnotice: () => undefined,
    connection: { application_name: 'ambit-doctor' },
  });
  const close = (): Promise<void> => sql.end({ timeout: 0 });
  try {
    await sql`select 1`;
  } catch (error) {
    await close();
    throw error;
  }
  return { sql, runtimeUrl, close };
}
