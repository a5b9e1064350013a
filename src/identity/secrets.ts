import { isAnyOf } from '../db/array.ts';
import type { Db } from '../db/client.ts';
import { organizationSecrets } from './table.ts';

/** Adds secrets to their directory. Must be called in the transaction that writes the API tokens, invitations or integrations. */
export async function addSecrets(db: Db, organizationId: string, hashes: string[]): Promise<void> {
  await db.insert(organizationSecrets).values(hashes.map((hash) => ({ organizationId, hash })));
}

/** Must be called in the transaction that deletes the API tokens, invitations or integrations. */
export async function removeSecrets(db: Db, hashes: string[]): Promise<void> {
  if (hashes.length > 0) await db.delete(organizationSecrets).where(isAnyOf(organizationSecrets.hash, hashes));
}
