import { errors, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Sql } from 'postgres';
import type { Encryption } from '../lib/encryption.ts';
import { ALGORITHM, privateJwkOf, rotate, type SigningKey, signer } from './signing-keys.ts';

/**
 * What the signed tokens are used for. The audience and the header `typ` differ, so that a token of one kind is not valid as
 * one of another kind (RFC 8725, sections 3.9 and 3.11). `at+jwt` is the type of access tokens (RFC 9068).
 */
const PURPOSES = {
  /** In the header Authorization. */
  access: { audience: 'ambit', typ: 'at+jwt', requiredClaims: ['exp', 'iat', 'sub', 'sid', 'jti'] },
  /** In the cookie that opens the reports. */
  reports: { audience: 'reports', typ: 'reports+jwt', requiredClaims: ['exp', 'iat', 'sub', 'sid', 'jti'] },
  /** In a hidden field of the forms of the reports. */
  form: { audience: 'reports-form', typ: 'form+jwt', requiredClaims: ['exp', 'iat', 'for', 'jti'] },
};

export type Purpose = keyof typeof PURPOSES;

/**
 * Milliseconds after which the keys are read again, because another node may have rotated them. For a token with an
 * unknown key ID, they are read at most once per second.
 */
const REFRESH = 60_000;
const REFRESH_UNKNOWN = 1_000;

/** Maximum number of verified tokens that are cached. Each uses about 2 KB. */
const MAX_VERIFIED = 10_000;

type VerifyKey = Awaited<ReturnType<typeof importJWK>>;

/** Signs and verifies tokens. */
export interface Keys {
  sign(purpose: Purpose, claims: JWTPayload, expiresAt: Date): Promise<string>;
  /** Returns the claims of a token that is valid for the purpose, or null. */
  verify(purpose: Purpose, token: string): Promise<JWTPayload | null>;
  /** The public keys, for `/.well-known/jwks.json`. */
  jwks(): Promise<{ keys: JWK[] }>;
}

export function createKeys(sql: Sql, clock: () => Date, issuer: string, encryption: Encryption): Keys {
  let keys: SigningKey[] = [];
  let imported = new Map<string, VerifyKey>();
  // The payloads of verified tokens by their purpose and exact text. A verification takes 200 µs. Replaced when the keys change.
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
  async function findVerified(id: string): Promise<JWTPayload | null> {
    if (!verified.has(id)) return null;
    await refresh(REFRESH);
    const payload = verified.get(id);
    return payload?.exp !== undefined && payload.exp > Math.floor(clock().getTime() / 1_000) ? payload : null;
  }

  async function verify(purpose: Purpose, token: string): Promise<JWTPayload | null> {
    const known = verified;
    const result = await jwtVerify(token, ({ kid }) => verifyKey(kid), {
      algorithms: [ALGORITHM],
      issuer,
      ...PURPOSES[purpose],
      currentDate: clock(),
    }).catch((error: unknown) => {
      // Any other error, such as a lost connection, does not mean that the token is invalid.
      if (error instanceof errors.JOSEError) return null;
      throw error;
    });
    if (result) known.set(idOf(purpose, token), result.payload);
    return result?.payload ?? null;
  }

  return {
    async sign(purpose, claims, expiresAt) {
      const { audience, typ } = PURPOSES[purpose];
      const key = signer(await refresh(REFRESH), clock()) as SigningKey;
      return new SignJWT({ ...claims, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(clock())
        .setExpirationTime(expiresAt)
        .sign(await importJWK(privateJwkOf(key, encryption), ALGORITHM));
    },
    verify: async (purpose, token) => (await findVerified(idOf(purpose, token))) ?? (await verify(purpose, token)),
    async jwks() {
      return { keys: (await refresh(REFRESH)).map((key) => key.publicJwk) };
    },
  };
}

const idOf = (purpose: Purpose, token: string): string => `${purpose} ${token}`;

const newCache = () => new LRUCache<string, JWTPayload>({ max: MAX_VERIFIED });

const textOf = (keys: SigningKey[]): string => JSON.stringify(keys.map(({ publicJwk }) => publicJwk));
