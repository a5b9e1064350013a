import { type Config, encryptionOf } from '../config.ts';
import { type ClientOptions, connect, drizzleOn } from '../db/client.ts';
import type { Embedded } from '../db/embedded.ts';
import type { Pool } from '../db/pool.ts';
import { createSetupSecret } from '../identity/setup-secret.ts';
import { checkSigningKeys } from '../identity/signing-keys.ts';
import { DecryptionError } from '../lib/encryption.ts';
import type { Log } from '../lib/log.ts';
import type { Started } from './banner.ts';
import { migrate, ownerUrl, runtimeOptions, startDatabase } from './database.ts';
import { createDemo, refuseDemo } from './demo.ts';
import type { Lifecycle } from './lifecycle.ts';

/** A migrated database. */
export interface PreparedDatabase {
  /** The options of the connections for requests. */
  options: ClientOptions;
  /** Whether it has the demo organizations. */
  hasDemo: boolean;
  /** The secret of the URL for events of the demo. Null unless this start has created the demo. */
  demoSecret: string | null;
}

/** Starts the embedded server. A signal to stop interrupts the start. */
async function startStoppable(config: Config, log: Log, lifecycle: Lifecycle): Promise<Embedded> {
  const interrupted = new AbortController();
  const starting = startDatabase(config, { log, onFailure: lifecycle.exitWithError, signal: interrupted.signal });
  lifecycle.onStop(() => {
    interrupted.abort();
    return starting.then(
      (server) => server.stop(),
      () => undefined,
    );
  });
  return await starting;
}

/**
 * Starts the embedded database, migrates the database, and creates the demo. One process does this before requests are
 * served.
 */
export async function prepareDatabase(
  config: Config,
  log: Log,
  lifecycle: Lifecycle,
  waitFor: (what: string) => void = () => undefined,
): Promise<PreparedDatabase> {
  const embedded = config.databaseUrl ? undefined : await startStoppable(config, log, lifecycle);
  const hasDemo = embedded !== undefined && !config.production;
  waitFor('the migration of the database');
  await migrate(config, embedded, log);
  const demoSecret = hasDemo ? await createDemo(ownerUrl(config, embedded)) : null;
  return { options: await runtimeOptions(config, embedded, log), hasDemo, demoSecret };
}

/**
 * Checks the accounts and the signing keys of the migrated database, and returns what the banner shows about the accounts.
 */
export async function checkAccounts(
  config: Config,
  pool: Pool,
  { hasDemo, demoSecret }: Omit<PreparedDatabase, 'options'>,
): Promise<Started> {
  const db = drizzleOn(pool.sql);
  await checkSigningKeys(pool.sql, new Date(), encryptionOf(config)).catch(throwWithAdvice);
  if (config.production) await refuseDemo(db);
  return { hasDemo, demoSecret, setupSecret: config.signUp === 'invited' ? await createSetupSecret(db) : null };
}

/** Stops the start. Otherwise the server would start, and each sign-in would fail. */
function throwWithAdvice(error: unknown): never {
  if (!(error instanceof DecryptionError)) throw error;
  throw new Error(
    `ENCRYPTION_KEY: a signing key cannot be decrypted: ${error.message}; set the key that encrypted it as ENCRYPTION_KEY or ENCRYPTION_KEY_PREVIOUS, or see docs/credentials.md#when-the-key-is-lost`,
  );
}

export const connectOnce = async <T>(options: ClientOptions, use: (pool: Pool) => Promise<T>): Promise<T> => {
  const pool = connect({ ...options, pool: 2 });
  return await use(pool).finally(() => pool.end());
};
