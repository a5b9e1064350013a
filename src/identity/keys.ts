import { errors, exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Sql } from 'postgres';

const ALGORITHM = 'EdDSA';
const AUDIENCE = 'ambit';
/** RFC 9068: an access token is never taken for another kind of JWT. */
const TYPE = 'at+jwt';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** A key signs for this long. */
const PERIOD = 30 * DAY;
/** A key is published this long before it signs, longer than anybody caches the JWKS. */
const LEAD = DAY;
/** Other nodes may have rotated; an unknown key id asks the database, but no more often than every second. */
const REFRESH = 60_000;
const REFRESH_UNKNOWN = 1_000;

interface Key {
  kid: string;
  publicJwk: JWK;
  privateJwk: JWK;
  signsFrom: Date;
  expiresAt: Date;
}

type VerifyKey = Awaited<ReturnType<typeof importJWK>>;

export interface Keys {
  sign(claims: JWTPayload, expiresAt: Date): Promise<string>;
  /** The claims of a token that this instance signed and that has not ended; null for any other text. */
  verify(token: string): Promise<JWTPayload | null>;
  /** What `/.well-known/jwks.json` publishes. */
  jwks(): Promise<{ keys: JWK[] }>;
}

export function createKeys(sql: Sql, clock: () => Date, issuer: string): Keys {
  let keys: Key[] = [];
  let imported = new Map<string, VerifyKey>();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<Key[]> | undefined;

  /** Requests that need the keys at once read them once. */
  async function fresh(maxAge: number): Promise<Key[]> {
    const now = clock();
    if (now.getTime() - loadedAt < maxAge) return keys;
    loading ??= reload(now).finally(() => {
      loading = undefined;
    });
    return await loading;
  }

  async function reload(now: Date): Promise<Key[]> {
    keys = await rotate(sql, now);
    imported = new Map(
      await Promise.all(keys.map(async (key) => [key.kid, await importJWK(key.publicJwk, ALGORITHM)] as const)),
    );
    loadedAt = now.getTime();
    return keys;
  }

  async function verifyKey(kid: string | undefined): Promise<VerifyKey> {
    await fresh(REFRESH);
    if (!imported.has(kid ?? '')) await fresh(REFRESH_UNKNOWN);
    const key = imported.get(kid ?? '');
    if (!key) throw new errors.JWKSNoMatchingKey();
    return key;
  }

  return {
    async sign(claims, expiresAt) {
      const key = signer(await fresh(REFRESH), clock()) as Key;
      return new SignJWT({ ...claims, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: TYPE })
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setIssuedAt(clock())
        .setExpirationTime(expiresAt)
        .sign(await importJWK(key.privateJwk, ALGORITHM));
    },
    async verify(token) {
      const verified = await jwtVerify(token, ({ kid }) => verifyKey(kid), {
        algorithms: [ALGORITHM],
        issuer,
        audience: AUDIENCE,
        typ: TYPE,
        requiredClaims: ['exp', 'iat', 'sub', 'sid', 'jti'],
        currentDate: clock(),
      }).catch((error: unknown) => {
        // That the database does not answer says nothing about the token.
        if (error instanceof errors.JOSEError) return null;
        throw error;
      });
      return verified?.payload ?? null;
    },
    async jwks() {
      return { keys: (await fresh(REFRESH)).map((key) => key.publicJwk) };
    },
  };
}

/** The key that signs now: the newest whose time has come. */
const signer = (keys: Key[], now: Date): Key | undefined =>
  keys.filter((key) => key.signsFrom <= now).sort((a, b) => b.signsFrom.getTime() - a.signsFrom.getTime())[0];

/**
 * From when the next key signs, when one has to be made; null while none is due. One that is needed at once counts from
 * an hour ago, or nodes whose clocks are behind would not find it and make another.
 */
function dueFrom(keys: Key[], now: Date): Date | null {
  const current = signer(keys, now);
  if (!current || current.expiresAt.getTime() - now.getTime() < HOUR) return new Date(now.getTime() - HOUR);
  const newest = Math.max(...keys.map((key) => key.signsFrom.getTime()));
  return newest + PERIOD - LEAD <= now.getTime() ? new Date(now.getTime() + LEAD) : null;
}

/** The keys in force; makes the next one when it is due and forgets those whose last token has ended. */
async function rotate(sql: Sql, now: Date): Promise<Key[]> {
  const keys = await load(sql, now);
  if (!dueFrom(keys, now)) return keys;
  return await sql.begin(async (tx) => {
    // Nodes that find a key due at once make one key.
    await tx`select pg_advisory_xact_lock(hashtext('ambit signing keys'))`;
    const due = dueFrom(await load(tx as unknown as Sql, now), now);
    if (due) await insert(tx as unknown as Sql, await generate(due));
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
