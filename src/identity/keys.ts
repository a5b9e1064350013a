import { errors, exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Sql } from 'postgres';

const ALGORITHM = 'EdDSA';
const AUDIENCE = 'ambit';
/** The `typ` header of access tokens (RFC 9068). It distinguishes them from other JWTs. */
const TYPE = 'at+jwt';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Milliseconds during which a key signs. */
const PERIOD = 30 * DAY;
/** Milliseconds between the publication of a key and its first use. Clients must not cache the JWKS for longer. */
const LEAD = DAY;
/**
 * Milliseconds after which the keys are read again, because another node may have rotated them. For a token with an
 * unknown key ID, they are read at most once per second.
 */
const REFRESH = 60_000;
const REFRESH_UNKNOWN = 1_000;

/** Maximum number of verified tokens that are cached. Each uses about 2 KB. */
const MAX_VERIFIED = 10_000;

interface Key {
  kid: string;
  publicJwk: JWK;
  privateJwk: JWK;
  signsFrom: Date;
  expiresAt: Date;
}

type VerifyKey = Awaited<ReturnType<typeof importJWK>>;

/** Signs and verifies access tokens. */
export interface Keys {
  sign(claims: JWTPayload, expiresAt: Date): Promise<string>;
  /** Returns the claims of a valid access token, or null. */
  verify(token: string): Promise<JWTPayload | null>;
  /** The public keys, for `/.well-known/jwks.json`. */
  jwks(): Promise<{ keys: JWK[] }>;
}

export function createKeys(sql: Sql, clock: () => Date, issuer: string): Keys {
  let keys: Key[] = [];
  let imported = new Map<string, VerifyKey>();
  // The payloads of verified tokens by their exact text. A verification takes 200 µs. Replaced when the keys change.
  let verified = newCache();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<Key[]> | undefined;

  /** Reads the keys if they are older than `maxAge` milliseconds. Concurrent requests share one read. */
  async function refresh(maxAge: number): Promise<Key[]> {
    const now = clock();
    if (now.getTime() - loadedAt < maxAge) return keys;
    loading ??= reload(now).finally(() => {
      loading = undefined;
    });
    return await loading;
  }

  async function reload(now: Date): Promise<Key[]> {
    const loaded = await rotate(sql, now);
    if (textOf(loaded) !== textOf(keys)) verified = newCache();
    keys = loaded;
    imported = new Map(
      await Promise.all(keys.map(async (key) => [key.kid, await importJWK(key.publicJwk, ALGORITHM)] as const)),
    );
    loadedAt = now.getTime();
    return keys;
  }

  async function verifyKey(kid: string | undefined): Promise<VerifyKey> {
    await refresh(REFRESH);
    if (!imported.has(kid ?? '')) await refresh(REFRESH_UNKNOWN);
    const key = imported.get(kid ?? '');
    if (!key) throw new errors.JWKSNoMatchingKey();
    return key;
  }

  /** The payload of a token that was verified with the current keys and has not expired. */
  async function findVerified(token: string): Promise<JWTPayload | null> {
    if (!verified.has(token)) return null;
    await refresh(REFRESH);
    const payload = verified.get(token);
    return payload?.exp !== undefined && payload.exp > Math.floor(clock().getTime() / 1_000) ? payload : null;
  }

  async function verify(token: string): Promise<JWTPayload | null> {
    const known = verified;
    const result = await jwtVerify(token, ({ kid }) => verifyKey(kid), {
      algorithms: [ALGORITHM],
      issuer,
      audience: AUDIENCE,
      typ: TYPE,
      requiredClaims: ['exp', 'iat', 'sub', 'sid', 'jti'],
      currentDate: clock(),
    }).catch((error: unknown) => {
      // Any other error, such as a lost connection, does not mean that the token is invalid.
      if (error instanceof errors.JOSEError) return null;
      throw error;
    });
    if (result) known.set(token, result.payload);
    return result?.payload ?? null;
  }

  return {
    async sign(claims, expiresAt) {
      const key = signer(await refresh(REFRESH), clock()) as Key;
      return new SignJWT({ ...claims, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: TYPE })
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setIssuedAt(clock())
        .setExpirationTime(expiresAt)
        .sign(await importJWK(key.privateJwk, ALGORITHM));
    },
    verify: async (token) => (await findVerified(token)) ?? (await verify(token)),
    async jwks() {
      return { keys: (await refresh(REFRESH)).map((key) => key.publicJwk) };
    },
  };
}

const newCache = () => new LRUCache<string, JWTPayload>({ max: MAX_VERIFIED });

const textOf = (keys: Key[]): string => JSON.stringify(keys.map(({ publicJwk }) => publicJwk));

/** The key that signs now: the last one whose start time has passed. */
const signer = (keys: Key[], now: Date): Key | undefined =>
  keys.filter((key) => key.signsFrom <= now).sort((a, b) => b.signsFrom.getTime() - a.signsFrom.getTime())[0];

/**
 * The start time of the next key if it must be created now, otherwise null. The start time of a key that is needed
 * immediately is one hour ago. Otherwise a node whose clock is slow would ignore it and create another one.
 */
function nextStart(keys: Key[], now: Date): Date | null {
  const current = signer(keys, now);
  if (!current || current.expiresAt.getTime() - now.getTime() < HOUR) return new Date(now.getTime() - HOUR);
  const newest = Math.max(...keys.map((key) => key.signsFrom.getTime()));
  return newest + PERIOD - LEAD <= now.getTime() ? new Date(now.getTime() + LEAD) : null;
}

/** Returns the valid keys. Creates the next one if necessary, and deletes keys whose tokens have all expired. */
async function rotate(sql: Sql, now: Date): Promise<Key[]> {
  const keys = await load(sql, now);
  if (!nextStart(keys, now)) return keys;
  return await sql.begin(async (tx) => {
    // Prevents several nodes from creating a key at the same time.
    await tx`select pg_advisory_xact_lock(hashtext('ambit signing keys'))`;
    const start = nextStart(await load(tx as unknown as Sql, now), now);
    if (start) await insert(tx as unknown as Sql, await generate(start));
    await tx`delete from signing_keys where expires_at <= ${now.toISOString()}::timestamptz`;
    return await load(tx as unknown as Sql, now);
  });
}

async function load(sql: Sql, now: Date): Promise<Key[]> {
  const rows = await sql<{ kid: string; publicJwk: JWK; privateJwk: JWK; signsFrom: string; expiresAt: string }[]>`
    select kid, public_jwk as "publicJwk", private_jwk as "privateJwk",
           to_json(signs_from) #>> '{}' as "signsFrom", to_json(expires_at) #>> '{}' as "expiresAt"
    from signing_keys where expires_at > ${now.toISOString()}::timestamptz order by signs_from`;
  return rows.map((row) => ({ ...row, signsFrom: new Date(row.signsFrom), expiresAt: new Date(row.expiresAt) }));
}

async function generate(signsFrom: Date): Promise<Key> {
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const kid = crypto.randomUUID();
  const shared = { kid, alg: ALGORITHM, use: 'sig' };
  return {
    kid,
    publicJwk: { ...(await exportJWK(pair.publicKey)), ...shared },
    privateJwk: { ...(await exportJWK(pair.privateKey)), ...shared },
    signsFrom,
    expiresAt: new Date(signsFrom.getTime() + 2 * PERIOD),
  };
}

const insert = (sql: Sql, key: Key) => sql`
  insert into signing_keys (kid, public_jwk, private_jwk, signs_from, expires_at)
  values (${key.kid}, ${JSON.stringify(key.publicJwk)}::jsonb, ${JSON.stringify(key.privateJwk)}::jsonb,
          ${key.signsFrom.toISOString()}::timestamptz, ${key.expiresAt.toISOString()}::timestamptz)`;
