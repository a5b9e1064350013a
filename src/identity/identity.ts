import { LRUCache } from 'lru-cache';
import { refusal } from '../access/access.ts';
import type { Config } from '../config.ts';
import type { Pool } from '../db/pool.ts';
import type { BindingCheck } from '../db/transaction.ts';
import type { Work } from '../db/work.ts';
import type { Encryption } from '../lib/encryption.ts';
import { AmbitError } from '../lib/errors.ts';
import { fromPublicId } from '../lib/ids.ts';
import { createNetworkList } from '../lib/network.ts';
import { hashSecret, isSecret } from '../lib/secret.ts';
import {
  type CredentialRow,
  checkOfCredential,
  findSessionAcrossTenants,
  findTokenAcrossTenants,
} from './across-tenants.ts';
import { type Actor, ANONYMOUS } from './actor.ts';
import { createActors, sizeOfGrants } from './actors.ts';
import { createKeys, type Keys, type Purpose } from './keys.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { createOrganizationLookups, type OrganizationLookups } from './organization-lookups.ts';

/** Authenticates requests. */
export interface Identity {
  /**
   * Reads the actor of an Authorization header from the database. Throws UNAUTHENTICATED if the credential is not valid,
   * and FORBIDDEN if it cannot be used from this address.
   */
  authenticate(header: string | null, address: string, work: Work): Promise<Actor>;
  /**
   * Returns the cached actor of an Authorization header, or null. Data that was read for this actor must not be sent
   * before `check` has confirmed the credential.
   */
  findCached(header: string | null, address: string): Promise<CachedActor | null>;
  /**
   * Reads the actor of the cookie of the reports from the database. It may only read. Null if the token is not valid. An access
   * token, an API token and an API key are not valid here, and the token of the cookie is not valid in the header.
   */
  authenticateReports(token: string, work: Work): Promise<Actor | null>;
  /** Number of cached actors. */
  cachedActors(): number;
  readonly keys: Keys;
  readonly lookups: OrganizationLookups;
  readonly limiter: Limiter;
}

export interface CachedActor {
  actor: Actor;
  /** Confirms that the credential and everything that the actor depends on are unchanged. */
  check: BindingCheck;
  /** Whether neither the credential nor a role of the actor has expired. */
  isCurrent(): boolean;
  /** Removes the actor from the cache. To be called when the check fails. */
  forget(): void;
}

/** The content of a header, which is not yet checked against the database. */
interface Claim {
  kind: 'SESSION' | 'TOKEN';
  /** The hash of an API token or API key, or the id of a session. */
  key: string;
  /** The organization that an access token was issued for. */
  organizationId?: string | null;
}

interface CachedRow {
  row: CredentialRow;
  actor: Actor;
  isAllowedFrom: (address: string) => boolean;
  check: BindingCheck;
}

const isAny = (): boolean => true;

/** The maximum size of all cached actors, in kilobytes as `sizeOfGrants` estimates them. */
const MAX_CACHED = 100_000;

/** The estimated size of the narrowing of a token, in kilobytes. */
const NARROWING = 8;

/** The statements of the lookups, for the trace of a request. */
const LOOKUP = {
  SESSION: 'select * from ambit.find_session_actor($1)',
  TOKEN: 'select * from ambit.find_token_actor($1)',
};

const FIND = { SESSION: findSessionAcrossTenants, TOKEN: findTokenAcrossTenants };

export function createIdentity(pool: Pool, config: Config, clock: () => Date, encryption: Encryption): Identity {
  const { sql } = pool;
  const lookups = createOrganizationLookups(pool);
  const actors = createActors(pool, clock);
  const keys = createKeys(sql, clock, config.publicUrl, encryption);
  const cache = new LRUCache<string, CachedRow>({
    maxSize: MAX_CACHED,
    sizeCalculation: ({ actor }) => sizeOfGrants(actor.grants) + (actor.credential?.narrowing ? NARROWING : 0),
  });

  async function claimOf(header: string): Promise<Claim | null> {
    const text = /^Bearer ([^\s]+)$/i.exec(header)?.[1] ?? '';
    if (isSecret('ambit_pat_', text) || isSecret('ambit_key_', text)) return { kind: 'TOKEN', key: hashSecret(text) };
    return await sessionClaimOf('access', text);
  }

  async function sessionClaimOf(purpose: Purpose, token: string): Promise<Claim | null> {
    const claims = await keys.verify(purpose, token);
    const key = typeof claims?.['sid'] === 'string' ? fromPublicId('ses', claims['sid']) : null;
    const org = claims?.['org'];
    if (!key) return null;
    return { kind: 'SESSION', key, organizationId: typeof org === 'string' ? fromPublicId('org', org) : null };
  }

  const isValid = ({ kind, organizationId }: Claim, row: CredentialRow): boolean =>
    (row.expires_at === null || new Date(row.expires_at) > clock()) &&
    // An access token is valid only for the organization that it was issued for. Null: while the session has none.
    (kind === 'TOKEN' || row.organization_id === organizationId);

  const find = async ({ kind, key, organizationId }: Claim): Promise<CredentialRow | null> =>
    FIND[kind](await (kind === 'TOKEN' ? lookups.ofSecret(key) : lookups.of(organizationId ?? '')), key);

  /** The row of a credential that is valid now. */
  async function findValid(claim: Claim | null, work: Work): Promise<CredentialRow | null> {
    if (work.stopped) throw work.stopped;
    work.statements += 1;
    const finding = claim && find(claim);
    if (finding) work.tracer?.addStatement(LOOKUP[claim.kind], finding);
    const row = await finding;
    return claim && row && isValid(claim, row) ? row : null;
  }

  async function authenticate(header: string | null, address: string, work: Work): Promise<Actor> {
    if (header === null) return ANONYMOUS;
    const claim = await claimOf(header);
    const row = await findValid(claim, work);
    if (!claim || !row) throw unauthenticated();
    const isAllowedFrom = row.addresses ? createNetworkList(row.addresses) : isAny;
    if (!isAllowedFrom(address)) throw addressNotAllowed(address);
    const actor = await actors.load(row, work);
    cache.set(claim.key, { row, actor, isAllowedFrom, check: checkOfCredential(claim.kind, claim.key, row) });
    return actor;
  }

  async function findCached(header: string | null, address: string): Promise<CachedActor | null> {
    const claim = header === null ? null : await claimOf(header);
    const cached = claim && cache.get(claim.key);
    if (!claim || !cached?.isAllowedFrom(address)) return null;
    const { actor, row, check } = cached;
    const isCurrent = (): boolean => isValid(claim, row) && actors.isCurrent(actor);
    return isCurrent() ? { actor, check, isCurrent, forget: () => void cache.delete(claim.key) } : null;
  }

  async function authenticateReports(token: string, work: Work): Promise<Actor | null> {
    const row = await findValid(await sessionClaimOf('reports', token), work);
    return row ? await actors.load({ ...row, access: 'READ' }, work) : null;
  }

  const cachedActors = (): number => cache.size;
  const limiter = createLimiter(sql, config.rateLimits);
  return { authenticate, findCached, authenticateReports, cachedActors, keys, lookups, limiter };
}

const addressNotAllowed = (address: string): AmbitError =>
  refusal(
    'ADDRESS_NOT_ALLOWED',
    `Your API token or API key cannot be used from the address ${address}.`,
    'Use it from one of its addresses, or create another one.',
  );

export const unauthenticated = (): AmbitError =>
  new AmbitError(
    'UNAUTHENTICATED',
    'The credential in the Authorization header is not valid: it is wrong, has expired or was revoked. Sign in again, or omit the header.',
    { http: { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } } },
  );
