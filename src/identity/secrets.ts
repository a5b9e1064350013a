import { isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import { organizationSecrets } from './table.ts';

/**
 * The directory of secrets, which finds the organization of an API token or an invitation by the hash of its secret. It is
 * written in the transaction that writes the secret. The lookups are in `across-tenants.ts`.
 */

export async function addSecrets(db: Db, organizationId: string, hashes: string[]): Promise<void> {
  await db.insert(organizationSecrets).values(hashes.map((hash) => ({ organizationId, hash })));
}

export async function removeSecrets(db: Db, hashes: string[]): Promise<void> {
  if (hashes.length > 0) await db.delete(organizationSecrets).where(isAnyOf(organizationSecrets.hash, hashes));
}
