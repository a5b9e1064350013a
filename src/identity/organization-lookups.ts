import { LRUCache } from 'lru-cache';
import { type Db, drizzleOn } from '../db/client.ts';
import type { Pool } from '../db/pool.ts';
import { readAgain } from '../db/read-again.ts';
import { findSecretOrganizationAcrossTenants } from './across-tenants.ts';

/** Returns connections for the lookups in `across-tenants.ts`, by the organization whose rows a lookup reads. */
export interface OrganizationLookups {
  /** Empty for a lookup without an organization. */
  of(organizationId: string): Promise<Db>;
  /** For a lookup by the hash of an API token or an invitation. */
  ofSecret(hash: string): Promise<Db>;
  /**
   * The organization of the hash of a secret, also for some time after the secret was deleted. Empty for an unknown one.
   */
  organizationOf(hash: string): Promise<string>;
}

/** Maximum number of secrets whose organization is cached. The organization of a secret never changes. */
const MAX_SECRETS = 50_000;

export function createOrganizationLookups(pool: Pool): OrganizationLookups {
  const organizations = new LRUCache<string, string>({ max: MAX_SECRETS });
  const of = async (organizationId: string): Promise<Db> => drizzleOn(readAgain(await pool.lookupsOf(organizationId)));

  async function organizationOf(hash: string): Promise<string> {
    const cached = organizations.get(hash);
    if (cached !== undefined) return cached;
    const found = await findSecretOrganizationAcrossTenants(drizzleOn(pool.sql), hash);
    if (found !== null) organizations.set(hash, found);
    return found ?? '';
  }

  return {
    of,
    // Outside a cluster, all lookups share one connection, so the organization is not needed.
    ofSecret: async (hash) => of(pool.isCluster ? await organizationOf(hash) : ''),
    organizationOf,
  };
}
