import type { Sql } from 'postgres';
import { type Config, encryptionOf } from '../../config.ts';
import { findSigningKeys, privateJwkOf } from '../../identity/signing-keys.ts';
import type { Encryption } from '../../lib/encryption.ts';
import { placeOfSecret } from '../../resources/invitation/send.ts';
import { clientOptions } from '../database.ts';
import { connectOnce } from '../prepare.ts';
import { amount, type Finding, fail, ok, sentence, warn } from './finding.ts';

/** Stored secrets of one kind. */
interface Stored {
  total: number;
  /** How many of them are encrypted with another key than ENCRYPTION_KEY, or not at all. */
  old: number;
}

/** Checks that the stored secrets can be decrypted, and that they are encrypted with the current key. */
export async function checkEncryption(sql: Sql, runtimeUrl: string, config: Config): Promise<Finding[]> {
  try {
    const encryption = encryptionOf(config);
    const found = [await checkKeys(runtimeUrl, config, encryption), await checkInvitations(sql, encryption)];
    const [total, old] = [sum(found, 'total'), sum(found, 'old')];
    if (old > 0)
      return [
        warn(`${old} of ${amount(total, 'stored secret')} are not encrypted with ENCRYPTION_KEY. Run rotate-keys.`),
      ];
    const key = config.encryptionKey ? `the key ${encryption.keyId}` : 'the public key for development';
    return [ok(`${amount(total, 'stored secret')} can be decrypted with ${key}.`)];
  } catch (error) {
    return [fail(`${sentence(error)} Set ENCRYPTION_KEY or ENCRYPTION_KEY_PREVIOUS to the key.`)];
  }
}

const sum = (found: readonly Stored[], key: keyof Stored): number => found.reduce((all, one) => all + one[key], 0);

/** With a connection for requests, because row-level security applies to the owner of the table. */
const checkKeys = (runtimeUrl: string, config: Config, encryption: Encryption): Promise<Stored> =>
  connectOnce(
    clientOptions(runtimeUrl, config, () => undefined),
    async (pool) => {
      const keys = await findSigningKeys(pool.sql, new Date());
      for (const key of keys) privateJwkOf(key, encryption);
      const isCurrent = ({ privateJwk }: (typeof keys)[number]): boolean =>
        typeof privateJwk === 'string' && encryption.isCurrent(privateJwk);
      return { total: keys.length, old: keys.filter((key) => !isCurrent(key)).length };
    },
  );

/** Decrypts only one secret of each key, because there may be many. Skipped if the login may not read them. */
async function checkInvitations(sql: Sql, encryption: Encryption): Promise<Stored> {
  const [role] = await sql`select pg_has_role('ambit_lookup', 'member') as reads`;
  if (!role?.['reads']) return { total: 0, old: 0 };
  const rows = await sql.begin('read only', async (tx) => {
    await tx`set local role ambit_lookup`;
    return await tx`
      select split_part(secret, '.', 2) as key, count(*)::int as total, min(organization_id::text || ' ' || id::text || ' ' || secret) as sample
      from invitations where secret is not null group by 1`;
  });
  let old = 0;
  for (const { total, sample } of rows) {
    const [organizationId = '', id = '', secret = ''] = sample.split(' ');
    encryption.decrypt(secret, placeOfSecret(organizationId, id));
    if (!encryption.isCurrent(secret)) old += total;
  }
  return { total: rows.reduce((all, { total }) => all + total, 0), old };
}
