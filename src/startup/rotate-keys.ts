import { ConfigError, encryptionOf, readConfig } from '../config.ts';
import { connect } from '../db/client.ts';
import type { Embedded } from '../db/embedded.ts';
import type { Pool } from '../db/pool.ts';
import { encryptSigningKeys, replaceSigningKeys } from '../identity/signing-keys.ts';
import type { Encrypted } from '../lib/encryption.ts';
import { createLog } from '../lib/log.ts';
import { encryptInvitations } from '../resources/invitation/rotate-secrets.ts';
import { runCommand } from './command.ts';
import { migrate, runtimeOptions, startDatabase } from './database.ts';

/** Replaces the signing keys instead of encrypting them again. For keys that somebody may have read. */
const NEW_SIGNING_KEY = '--new-signing-key';

/** Encrypts all stored secrets with ENCRYPTION_KEY. */
async function rotateKeys(options: string[]): Promise<string> {
  const unknown = options.find((option) => option !== NEW_SIGNING_KEY);
  if (unknown !== undefined) throw new Error(`rotate-keys has no option ${unknown}, only ${NEW_SIGNING_KEY}`);
  const config = readConfig(process.env);
  if (!config.encryptionKey)
    throw new ConfigError('ENCRYPTION_KEY: rotate-keys needs the key that encrypts the stored secrets');
  const log = createLog('warn');
  let embedded: Embedded | undefined;
  let pool: Pool | undefined;
  try {
    if (!config.databaseUrl) embedded = await startDatabase(config, { log });
    await migrate(config, embedded, log);
    pool = connect(await runtimeOptions(config, embedded, log));
    const encryption = encryptionOf(config);
    const isNew = options.includes(NEW_SIGNING_KEY);
    if (isNew) await replaceSigningKeys(pool.sql, new Date(), encryption);
    const keys = await encryptSigningKeys(pool.sql, new Date(), encryption);
    const secrets = await encryptInvitations(pool, encryption);
    return [
      `The secrets are encrypted with the key ${encryption.keyId}.`,
      isNew ? 'A new signing key has replaced all others.' : line('signing keys', keys),
      line('secrets of invitations', secrets),
    ].join('\n');
  } finally {
    await pool?.end();
    await embedded?.stop();
  }
}

const line = (what: string, { total, changed }: Encrypted): string =>
  `${what}: ${total}, of which ${changed} ${changed === 1 ? 'was' : 'were'} encrypted now`;

runCommand(rotateKeys(process.argv.slice(3)));
