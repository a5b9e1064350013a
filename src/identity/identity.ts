import type { Sql } from 'postgres';
import type { Config } from '../config.ts';
import { drizzleOn } from '../db/client.ts';
import { AmbitError } from '../errors.ts';
import { fromPublicId } from '../ids.ts';
import { hashSecret, isSecret } from '../resources/api-token/secret.ts';
import { type Actor, ANONYMOUS } from './actor.ts';
import { createKeys, type Keys } from './keys.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { findSessionActor, findTokenActor } from './lookup.ts';

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
  const keys = createKeys(sql, clock, config.publicUrl);

  const apiToken: Strategy = (text) => (isSecret('ambit_pat_', text) ? findTokenActor(db, hashSecret(text)) : null);

  const session: Strategy = async (text) => {
    const claims = await keys.verify(text);
    const id = typeof claims?.['sid'] === 'string' ? fromPublicId('ses', claims['sid']) : null;
    const actor = id ? await findSessionActor(db, id) : null;
    // A session that has moved to another organization takes its earlier access tokens with it.
    return actor && boundTo(actor, claims?.['org']) ? actor : null;
  };

  async function authenticate(header: string | null): Promise<Actor> {
    if (header === null) return ANONYMOUS;
    const text = /^Bearer ([^\s]+)$/i.exec(header)?.[1] ?? '';
    const actor = await (apiToken(text) ?? session(text));
    const ended = actor?.credential?.expiresAt && actor.credential.expiresAt <= clock();
    if (!actor || ended) throw unauthenticated();
    return actor;
  }

  return { authenticate, keys, limiter: createLimiter(sql, config.signInTries) };
}

const boundTo = (actor: Actor, claim: unknown): boolean =>
  (typeof claim === 'string' ? fromPublicId('org', claim) : null) === (actor.organization?.id ?? null);

export const unauthenticated = (): AmbitError =>
  new AmbitError(
    'UNAUTHENTICATED',
    'The credential in the Authorization header is not valid: it is wrong, has ended or was revoked. Sign in again, or leave the header out.',
    { http: { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } } },
  );
