import { LRUCache } from 'lru-cache';
import { type Db, drizzleOn } from '../db/client.ts';
import type { Pool } from '../db/pool.ts';
import { findSecretOrganizationAcrossTenants } from './across-tenants.ts';

/** Connections for the lookups of credentials and invitations. */
export interface Lookups {
  /** For rows of this organization. Empty without one. */
  of(organizationId: string): Promise<Db>;
  /** For the organization of a secret. */
  ofSecret(hash: string): Promise<Db>;
}

/** The organizations of so many secrets are cached. The organization of a secret never changes. */
const MAX_SECRETS = 50_000;

export function createLookups(pool: Pool): Lookups {
  const organizations = new LRUCache<string, string>({ max: MAX_SECRETS });
  const of = async (organizationId: string): Promise<Db> => drizzleOn(await pool.lookupsOf(organizationId));

  async function organizationOf(hash: string): Promise<string> {
    const cached = organizations.get(hash);
    if (cached !== undefined) return cached;
    const found = await findSecretOrganizationAcrossTenants(drizzleOn(pool.sql), hash);
    if (found !== null) organizations.set(hash, found);
    return found ?? '';
  }

  return {
    of,
    // Outside a cluster, all lookups share one connection, so that the organization is not needed.
    ofSecret: async (hash) => of(pool.isCluster ? await organizationOf(hash) : ''),
  };
}
