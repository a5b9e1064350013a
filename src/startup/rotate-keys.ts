import { ConfigError, encryptionOf, readConfig } from '../config.ts';
import { encryptSigningKeys, replaceSigningKeys } from '../identity/signing-keys.ts';
import type { Encrypted } from '../lib/encryption.ts';
import { encryptInvitations } from '../resources/invitation/rotate-secrets.ts';
import { runCommand, withDatabase } from './command.ts';

/** Replaces the signing keys instead of encrypting them again. For keys that somebody may have read. */
const NEW_SIGNING_KEY = '--new-signing-key';

/** Encrypts all stored secrets with ENCRYPTION_KEY. */
async function rotateKeys(options: string[]): Promise<string> {
  const unknown = options.find((option) => option !== NEW_SIGNING_KEY);
  if (unknown !== undefined) throw new Error(`rotate-keys has no option ${unknown}, only ${NEW_SIGNING_KEY}`);
  const config = readConfig(process.env);
  if (!config.encryptionKey)
    throw new ConfigError('ENCRYPTION_KEY: rotate-keys needs the key that encrypts the stored secrets');
  const encryption = encryptionOf(config);
  const isNew = options.includes(NEW_SIGNING_KEY);
  return await withDatabase(config, async (pool) => {
    if (isNew) await replaceSigningKeys(pool.sql, new Date(), encryption);
    const keys = await encryptSigningKeys(pool.sql, new Date(), encryption);
    const secrets = await encryptInvitations(pool, encryption);
    return [
      `The secrets are encrypted with the key ${encryption.keyId}.`,
      isNew ? 'A new signing key has replaced all others.' : line('signing keys', keys),
      line('secrets of invitations', secrets),
    ].join('\n');
  });
}

const line = (what: string, { total, changed }: Encrypted): string =>
  `${what}: ${total}, of which ${changed} ${changed === 1 ? 'was' : 'were'} encrypted now`;

runCommand(rotateKeys(process.argv.slice(3)));
