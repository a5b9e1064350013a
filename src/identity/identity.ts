import type { Sql } from 'postgres';
import type { Config } from '../config.ts';
import { drizzleOn } from '../db/client.ts';
import { AmbitError } from '../errors.ts';
import { fromPublicId } from '../ids.ts';
import { hashSecret, isSecret } from '../resources/api-token/secret.ts';
import { type Actor, ANONYMOUS } from './actor.ts';
import { createActors } from './actors.ts';
import { createKeys, type Keys } from './keys.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { type CredentialRow, findApiToken, findSession } from './lookup.ts';

export interface Identity {
  /** Who the value of an Authorization header stands for now. Throws UNAUTHENTICATED when it stands for nobody. */
  authenticate(header: string | null): Promise<Actor>;
  readonly keys: Keys;
  readonly limiter: Limiter;
}

/** Reads one kind of credential; null when the text is not of its kind. */
type Strategy = (text: string) => Promise<Actor | null> | null;

export function createIdentity(sql: Sql, config: Config, clock: () => Date): Identity {
  const db = drizzleOn(sql);
  const actors = createActors(sql, clock);
  const keys = createKeys(sql, clock, config.publicUrl);

  const apiToken: Strategy = (text) => (isSecret('ambit_pat_', text) ? findToken(text) : null);

  async function findToken(secret: string): Promise<Actor | null> {
    const row = await findApiToken(db, hashSecret(secret));
    return row && alive(row.expires_at) ? actors.of('API_TOKEN', row) : null;
  }

  const alive = (expiresAt: string | null): boolean => expiresAt === null || new Date(expiresAt) > clock();

  const session: Strategy = async (text) => {
    const claims = await keys.verify(text);
    const id = typeof claims?.['sid'] === 'string' ? fromPublicId('ses', claims['sid']) : null;
    const row = id ? await findSession(db, id) : null;
    // A session that has moved to another organization takes its earlier access tokens with it.
    const good = row && alive(row.expires_at) && boundTo(row, claims?.['org']);
    return good ? actors.of('SESSION', row) : null;
  };

  async function authenticate(header: string | null): Promise<Actor> {
    if (header === null) return ANONYMOUS;
    const text = /^Bearer ([^\s]+)$/i.exec(header)?.[1] ?? '';
    const actor = await (apiToken(text) ?? session(text));
    if (!actor) throw unauthenticated();
    return actor;
  }

  return { authenticate, keys, limiter: createLimiter(sql, config.signInTries) };
}

const boundTo = (row: CredentialRow, claim: unknown): boolean =>
  (typeof claim === 'string' ? fromPublicId('org', claim) : null) === row.organization_id;

export const unauthenticated = (): AmbitError =>
  new AmbitError(
    'UNAUTHENTICATED',
    'The credential in the Authorization header is not valid: it is wrong, has ended or was revoked. Sign in again, or leave the header out.',
    { http: { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } } },
  );
