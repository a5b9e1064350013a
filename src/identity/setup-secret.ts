import { lt, sql } from 'drizzle-orm';
import type { Db } from '../db/client.ts';
import { hashSecret, isSecret, newSecret } from '../lib/secret.ts';
import { hasUsersAcrossTenants } from './across-tenants.ts';
import { setupSecrets } from './table.ts';

/** Creates a one-time secret for the first account. Returns null if the instance has an account. */
export async function createSetupSecret(db: Db): Promise<string | null> {
  if (await hasUsersAcrossTenants(db)) return null;
  const secret = newSecret('ambit_set_');
  // Each node that starts prints its own secret, and all nodes accept it.
  await db.insert(setupSecrets).values({ hash: hashSecret(secret) });
  await db.delete(setupSecrets).where(lt(setupSecrets.createdAt, sql`now() - interval '7 days'`));
  return secret;
}

/**
 * Deletes all setup secrets if this is one of them and the instance has no account. The second of two concurrent
 * transactions waits for the first, and finds no secret.
 */
export async function takeSetupSecret(tx: Db, secret: string): Promise<boolean> {
  if (!isSecret('ambit_set_', secret)) return false;
  const taken = await tx.delete(setupSecrets).returning({ hash: setupSecrets.hash });
  return taken.some(({ hash }) => hash === hashSecret(secret)) && !(await hasUsersAcrossTenants(tx));
}

/** Called when the first account is created in another way. */
export const deleteSetupSecrets = async (tx: Db): Promise<void> => void (await tx.delete(setupSecrets));
