import { exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Sql } from 'postgres';
import type { Encrypted, Encryption, Place } from '../lib/encryption.ts';

export const ALGORITHM = 'EdDSA';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Milliseconds during which a key signs. */
const PERIOD = 30 * DAY;
/** Milliseconds between the publication of a key and its first use. Clients must not cache the JWKS for longer. */
const LEAD = DAY;

export interface SigningKey {
  kid: string;
  publicJwk: JWK;
  /** Encrypted JSON. An object if an earlier version has created the key. */
  privateJwk: string | JWK;
  /** Null for a key that is not yet stored. */
  createdAt: string | null;
  signsFrom: Date;
  expiresAt: Date;
}

/** The key that signs now: the last one whose start time has passed. */
export const signer = (keys: SigningKey[], now: Date): SigningKey | undefined =>
  keys.filter((key) => key.signsFrom <= now).sort((a, b) => b.signsFrom.getTime() - a.signsFrom.getTime())[0];

/**
 * The start time of the next key if it must be created now, otherwise null. The start time of a key that is needed
 * immediately is one hour ago. Otherwise a node whose clock is slow would ignore it and create another one.
 */
function nextStart(keys: SigningKey[], now: Date): Date | null {
  const current = signer(keys, now);
  if (!current || current.expiresAt.getTime() - now.getTime() < HOUR) return new Date(now.getTime() - HOUR);
  const newest = Math.max(...keys.map((key) => key.signsFrom.getTime()));
  return newest + PERIOD - LEAD <= now.getTime() ? new Date(now.getTime() + LEAD) : null;
}

/** Returns the valid keys. Creates the next one if necessary, and deletes keys whose tokens have all expired. */
export async function rotate(sql: Sql, now: Date, encryption: Encryption): Promise<SigningKey[]> {
  const keys = await findSigningKeys(sql, now);
  if (!nextStart(keys, now)) return keys;
  return await exclusively(sql, async (tx) => {
    const start = nextStart(await findSigningKeys(tx, now), now);
    if (start) await insert(tx, await generate(start, encryption));
    await deleteExpired(tx, now);
    return await findSigningKeys(tx, now);
  });
}

/** Runs a transaction that creates keys. Prevents several nodes from creating a key at the same time. */
const exclusively = async <T>(sql: Sql, run: (tx: Sql) => Promise<T>): Promise<T> =>
  (await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('ambit signing keys'))`;
    return await run(tx as unknown as Sql);
  })) as T;

const deleteExpired = (sql: Sql, now: Date) =>
  sql`delete from signing_keys where expires_at <= ${now.toISOString()}::timestamptz`;

/**
 * Encrypts the private keys that are not encrypted with the current key. The runtime role may not update a signing key, so
 * the row is deleted and inserted again.
 */
export const encryptSigningKeys = (sql: Sql, now: Date, encryption: Encryption): Promise<Encrypted> =>
  exclusively(sql, async (tx) => {
    await deleteExpired(tx, now);
    const keys = await findSigningKeys(tx, now);
    const others = keys.filter(({ privateJwk }) => typeof privateJwk !== 'string' || !encryption.isCurrent(privateJwk));
    for (const key of others) {
      const privateJwk = sealed(key.kid, privateJwkOf(key, encryption), encryption);
      await tx`delete from signing_keys where kid = ${key.kid}`;
      await insert(tx, { ...key, privateJwk });
    }
    return { total: keys.length, changed: others.length };
  });

/** Replaces all signing keys with a new one. Access tokens that the old keys signed are not valid any more. */
export const replaceSigningKeys = (sql: Sql, now: Date, encryption: Encryption): Promise<void> =>
  exclusively(sql, async (tx) => {
    await tx`delete from signing_keys`;
    await insert(tx, await generate(nextStart([], now) as Date, encryption));
  });

/** Throws an error if a private key cannot be decrypted. */
export async function checkSigningKeys(sql: Sql, now: Date, encryption: Encryption): Promise<void> {
  for (const key of await findSigningKeys(sql, now)) privateJwkOf(key, encryption);
}

const placeOf = (kid: string): Place => ({ table: 'signing_keys', column: 'private_jwk', row: [kid] });

const sealed = (kid: string, jwk: JWK, encryption: Encryption): string =>
  encryption.encrypt(JSON.stringify(jwk), placeOf(kid));

export const privateJwkOf = ({ kid, privateJwk }: SigningKey, encryption: Encryption): JWK =>
  typeof privateJwk === 'string' ? JSON.parse(encryption.decrypt(privateJwk, placeOf(kid))) : privateJwk;

/** The keys that have not expired. */
export async function findSigningKeys(sql: Sql, now: Date): Promise<SigningKey[]> {
  const rows = await sql<Stored[]>`
    select kid, public_jwk as "publicJwk", private_jwk as "privateJwk", to_json(created_at) #>> '{}' as "createdAt",
           to_json(signs_from) #>> '{}' as "signsFrom", to_json(expires_at) #>> '{}' as "expiresAt"
    from signing_keys where expires_at > ${now.toISOString()}::timestamptz order by signs_from`;
  return rows.map((row) => ({ ...row, signsFrom: new Date(row.signsFrom), expiresAt: new Date(row.expiresAt) }));
}

type Stored = Omit<SigningKey, 'signsFrom' | 'expiresAt'> & { signsFrom: string; expiresAt: string };

async function generate(signsFrom: Date, encryption: Encryption): Promise<SigningKey> {
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const kid = crypto.randomUUID();
  const shared = { kid, alg: ALGORITHM, use: 'sig' };
  return {
    kid,
    publicJwk: { ...(await exportJWK(pair.publicKey)), ...shared },
    privateJwk: sealed(kid, { ...(await exportJWK(pair.privateKey)), ...shared }, encryption),
    createdAt: null,
    signsFrom,
    expiresAt: new Date(signsFrom.getTime() + 2 * PERIOD),
  };
}

const insert = (sql: Sql, key: SigningKey) => sql`
  insert into signing_keys (kid, public_jwk, private_jwk, created_at, signs_from, expires_at)
  values (${key.kid}, ${JSON.stringify(key.publicJwk)}::jsonb, ${JSON.stringify(key.privateJwk)}::jsonb,
          coalesce(${key.createdAt}::timestamptz, now()), ${key.signsFrom.toISOString()}::timestamptz,
          ${key.expiresAt.toISOString()}::timestamptz)`;
