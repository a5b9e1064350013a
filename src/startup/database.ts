import type { Config } from '../config.ts';
import { assertUsable, type ClientOptions, RUNTIME_ROLE } from '../db/client.ts';
import { type Distribution, distributeDatabase } from '../db/distribute.ts';
import { type Embedded, type EmbeddedOptions, startEmbedded } from '../db/embedded.ts';
import { migrateDatabase } from '../db/migrate.ts';
import { PoolerError } from '../db/pooler.ts';
import { errorMessage, type Log } from '../lib/log.ts';

/** The database of the embedded server. */
export const DATABASE = 'ambit';

type Variable = 'DATABASE_URL' | 'MIGRATION_DATABASE_URL';

/** Starts the embedded server and creates its database if it does not exist. */
export async function startDatabase(config: Config, options: EmbeddedOptions): Promise<Embedded> {
  const embedded = await startEmbedded(config.dataDir, settingsFor(config), options);
  const [existing] = await embedded.sql`select from pg_database where datname = ${DATABASE}`;
  if (!existing) await embedded.sql.unsafe(`create database ${DATABASE}`);
  return embedded;
}

/** PostgreSQL allows 100 connections by default. Each process has its pool, and one connection for lookups. */
function settingsFor({ workers, pool }: Config): Record<string, string> {
  const needed = workers * (pool + 1) + SPARE_CONNECTIONS;
  return needed > DEFAULT_CONNECTIONS ? { max_connections: String(needed) } : {};
}
const DEFAULT_CONNECTIONS = 100;
/** For the lock of the data, migrations, `create-owner`, and superusers. */
const SPARE_CONNECTIONS = 20;

/** The URL for the owner of the tables. */
export const ownerUrl = (config: Config, embedded: Embedded | undefined): string =>
  config.migrationUrl ?? (embedded as Embedded).url(DATABASE);

/** The variable that `ownerUrl` comes from. */
const ownerVariable = ({ databaseUrl, migrationUrl }: Config): Variable =>
  migrationUrl !== undefined && migrationUrl !== databaseUrl ? 'MIGRATION_DATABASE_URL' : 'DATABASE_URL';

/** Migrates the database. Returns the number of migrations that were missing. */
export const migrate = (config: Config, embedded: Embedded | undefined, log: Log): Promise<number> =>
  migrateDatabase(ownerUrl(config, embedded), { log }).catch((error: unknown) =>
    throwWithVariable(error, embedded ? null : ownerVariable(config)),
  );

/** Distributes the migrated database. */
export const distribute = (config: Config, log: Log): Promise<Distribution> =>
  distributeDatabase(ownerUrl(config, undefined), { log }).catch((error: unknown) =>
    throwWithVariable(error, ownerVariable(config), 'distributed'),
  );

/** The options of the connections for requests. Throws an error if the database cannot be used. */
export async function runtimeOptions(config: Config, embedded: Embedded | undefined, log: Log): Promise<ClientOptions> {
  const url = config.databaseUrl ?? (await (embedded as Embedded).loginUrl(DATABASE, RUNTIME_ROLE));
  const options = clientOptions(url, config, log);
  await assertUsable(options).catch((error: unknown) => throwWithVariable(error, embedded ? null : 'DATABASE_URL'));
  return options;
}

/** The options of the connections for requests to this URL. */
export const clientOptions = (url: string, config: Config, log: Log): ClientOptions => ({
  url,
  log,
  pool: config.pool,
  pooler: config.pooler === 'transaction',
  statementTimeout: config.statementTimeout,
  lockTimeout: config.databaseLockMs,
  waitMs: config.databaseWaitMs,
  requestTimeout: config.requestTimeoutMs,
  ...(config.logSql && { onStatement: (sql: string) => log({ message: 'statement', sql }) }),
});

/** Throws an error whose message is one line, with the variable to change. Null for the embedded database. */
function throwWithVariable(error: unknown, variable: Variable | null, what: 'used' | 'distributed' = 'used'): never {
  const message = errorMessage(error).replace(/\s*\n\s*/g, '; ');
  if (variable === null) throw new Error(`the embedded database cannot be used: ${message}`);
  if (!(error instanceof PoolerError)) throw new Error(`${variable}: the database cannot be ${what}: ${message}`);
  const advice =
    variable === 'DATABASE_URL'
      ? 'set DATABASE_POOLER=transaction and MIGRATION_DATABASE_URL (see docs/deployment.md)'
      : 'it must connect directly to PostgreSQL (see docs/deployment.md)';
  throw new Error(`${variable}: ${message}; ${advice}`);
}
