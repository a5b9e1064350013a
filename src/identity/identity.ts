import { LRUCache } from 'lru-cache';
import type { Config } from '../config.ts';
import { type Db, drizzleOn } from '../db/client.ts';
import type { Pool } from '../db/pool.ts';
import type { Work } from '../db/work.ts';
import { AmbitError } from '../lib/errors.ts';
import { fromPublicId } from '../lib/ids.ts';
import { hashSecret, isSecret } from '../lib/secret.ts';
import { type CredentialRow, findApiTokenAcrossTenants, findSessionAcrossTenants } from './across-tenants.ts';
import { type Actor, ANONYMOUS } from './actor.ts';
import { createActors } from './actors.ts';
import { createKeys, type Keys } from './keys.ts';
import { createLimiter, type Limiter } from './limiter.ts';

export interface Identity {
  /** Who the value of an Authorization header stands for now. Throws UNAUTHENTICATED when it stands for nobody. */
  authenticate(header: string | null, work: Work): Promise<Actor>;
  /**
   * Who it stood for a moment ago, to begin a query with; null when that is not known. What is read for them is shown
   * to nobody before `revalidate` has found the same again.
   */
  findCached(header: string | null): Promise<CachedActor | null>;
  readonly keys: Keys;
  readonly limiter: Limiter;
}

export interface CachedActor {
  actor: Actor;
  /** Looks the credential up, with everything that depends on it, and tells whether nothing has changed. */
  revalidate(db: Db): Promise<boolean>;
}

/** What a header claims, before the database is asked. */
interface Claim {
  kind: 'SESSION' | 'API_TOKEN';
  /** Of a token its hash, of a session its id. */
  key: string;
  /** The organization that an access token was issued for. */
  organizationId?: string | null;
}

/** Credentials that are remembered. */
const REMEMBERED = 20_000;

const FIND = { SESSION: findSessionAcrossTenants, API_TOKEN: findApiTokenAcrossTenants };

export function createIdentity(pool: Pool, config: Config, clock: () => Date): Identity {
  const { sql } = pool;
  const db = drizzleOn(sql);
  const actors = createActors(pool, clock);
  const keys = createKeys(sql, clock, config.publicUrl);
  const remembered = new LRUCache<string, { row: CredentialRow; actor: Actor }>({ max: REMEMBERED });

  async function claimOf(header: string): Promise<Claim | null> {
    const text = /^Bearer ([^\s]+)$/i.exec(header)?.[1] ?? '';
    if (isSecret('ambit_pat_', text)) return { kind: 'API_TOKEN', key: hashSecret(text) };
    const claims = await keys.verify(text);
    const key = typeof claims?.['sid'] === 'string' ? fromPublicId('ses', claims['sid']) : null;
    const org = claims?.['org'];
    if (!key) return null;
    return { kind: 'SESSION', key, organizationId: typeof org === 'string' ? fromPublicId('org', org) : null };
  }

  const isGood = ({ kind, organizationId }: Claim, row: CredentialRow): boolean =>
    (row.expires_at === null || new Date(row.expires_at) > clock()) &&
    // A session that has moved to another organization takes its earlier access tokens with it.
    (kind === 'API_TOKEN' || row.organization_id === organizationId);

  async function authenticate(header: string | null, work: Work): Promise<Actor> {
    if (header === null) return ANONYMOUS;
    const claim = await claimOf(header);
    if (work.stopped) throw work.stopped;
    work.statements += 1;
    const row = claim && (await FIND[claim.kind](db, claim.key));
    if (!claim || !row || !isGood(claim, row)) throw unauthenticated();
    const actor = await actors.of(claim.kind, row, work);
    remembered.set(claim.key, { row, actor });
    return actor;
  }

  async function findCached(header: string | null): Promise<CachedActor | null> {
    const claim = header === null ? null : await claimOf(header);
    const known = claim && remembered.get(claim.key);
    if (!known || !isGood(claim, known.row) || !actors.isCurrent(known.actor)) return null;
    const revalidate = async (on: Db): Promise<boolean> => {
      const unchanged = same(known.row, await FIND[claim.kind](on, claim.key));
      if (!unchanged) remembered.delete(claim.key);
      return unchanged;
    };
    return { actor: known.actor, revalidate };
  }

  return { authenticate, findCached, keys, limiter: createLimiter(sql, config.signInTries) };
}

const same = (known: CredentialRow, found: CredentialRow | null): boolean =>
  found !== null && (Object.keys(known) as (keyof CredentialRow)[]).every((column) => known[column] === found[column]);

export const unauthenticated = (): AmbitError =>
  new AmbitError(
    'UNAUTHENTICATED',
    'The credential in the Authorization header is not valid: it is wrong, has ended or was revoked. Sign in again, or leave the header out.',
    { http: { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } } },
  );
