import { errors, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Sql } from 'postgres';
import type { Encryption } from '../lib/encryption.ts';
import { ALGORITHM, privateJwkOf, rotate, type SigningKey, signer } from './signing-keys.ts';

const AUDIENCE = 'ambit';
/** The `typ` header of access tokens (RFC 9068). It distinguishes them from other JWTs. */
const TYPE = 'at+jwt';

/**
 * Milliseconds after which the keys are read again, because another node may have rotated them. For a token with an
 * unknown key ID, they are read at most once per second.
 */
const REFRESH = 60_000;
const REFRESH_UNKNOWN = 1_000;

/** Maximum number of verified tokens that are cached. Each uses about 2 KB. */
const MAX_VERIFIED = 10_000;

type VerifyKey = Awaited<ReturnType<typeof importJWK>>;

/** Signs and verifies access tokens. */
export interface Keys {
  sign(claims: JWTPayload, expiresAt: Date): Promise<string>;
  /** Returns the claims of a valid access token, or null. */
  verify(token: string): Promise<JWTPayload | null>;
  /** The public keys, for `/.well-known/jwks.json`. */
  jwks(): Promise<{ keys: JWK[] }>;
}

export function createKeys(sql: Sql, clock: () => Date, issuer: string, encryption: Encryption): Keys {
  let keys: SigningKey[] = [];
  let imported = new Map<string, VerifyKey>();
  // The payloads of verified tokens by their exact text. A verification takes 200 µs. Replaced when the keys change.
  let verified = newCache();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<SigningKey[]> | undefined;

  /** Reads the keys if they are older than `maxAge` milliseconds. Concurrent requests share one read. */
  async function refresh(maxAge: number): Promise<SigningKey[]> {
    const now = clock();
    if (now.getTime() - loadedAt < maxAge) return keys;
    loading ??= reload(now).finally(() => {
      loading = undefined;
    });
    return await loading;
  }

  async function reload(now: Date): Promise<SigningKey[]> {
    const loaded = await rotate(sql, now, encryption);
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
      const key = signer(await refresh(REFRESH), clock()) as SigningKey;
      return new SignJWT({ ...claims, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: TYPE })
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setIssuedAt(clock())
        .setExpirationTime(expiresAt)
        .sign(await importJWK(privateJwkOf(key, encryption), ALGORITHM));
    },
    verify: async (token) => (await findVerified(token)) ?? (await verify(token)),
    async jwks() {
      return { keys: (await refresh(REFRESH)).map((key) => key.publicJwk) };
    },
  };
}

const newCache = () => new LRUCache<string, JWTPayload>({ max: MAX_VERIFIED });

const textOf = (keys: SigningKey[]): string => JSON.stringify(keys.map(({ publicJwk }) => publicJwk));
