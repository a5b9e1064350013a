import { and, asc, eq, gt, isNotNull } from 'drizzle-orm';
import { type Db, drizzleOn } from '../../db/client.ts';
import type { Pool } from '../../db/pool.ts';
import { inTransaction } from '../../db/transaction.ts';
import { listOrganizationsAcrossTenants } from '../../identity/across-tenants.ts';
import type { Encrypted, Encryption } from '../../lib/encryption.ts';
import { placeOfSecret } from './send.ts';
import { invitations } from './table.ts';

/** Organizations that are listed at once, and invitations of one transaction. */
const PAGE = 200;

/** Encrypts the secrets of invitations that are not encrypted with the current key. */
export async function encryptInvitations(pool: Pool, encryption: Encryption): Promise<Encrypted> {
  const sum: Encrypted = { total: 0, changed: 0 };
  const db = drizzleOn(pool.sql);
  for (let after: string | null = null; ; ) {
    const page: string[] = await listOrganizationsAcrossTenants(db, after, PAGE);
    for (const organizationId of page) await encryptIn(pool, organizationId, encryption, sum);
    after = page.at(-1) ?? null;
    if (page.length < PAGE) return sum;
  }
}

async function encryptIn(pool: Pool, organizationId: string, encryption: Encryption, sum: Encrypted): Promise<void> {
  for (let after: string | null = null; ; ) {
    const rows: Stored[] = await inTransaction(pool, { organizationId, userId: null }, async (db) => {
      const found = await secretsAfter(db, organizationId, after);
      sum.total += found.length;
      for (const row of found) if (await encryptAgain(db, organizationId, row, encryption)) sum.changed += 1;
      return found;
    });
    after = rows.at(-1)?.id ?? null;
    if (rows.length < PAGE) return;
  }
}

interface Stored {
  id: string;
  secret: string | null;
}

const secretsAfter = (db: Db, organizationId: string, after: string | null): Promise<Stored[]> =>
  db
    .select({ id: invitations.id, secret: invitations.secret })
    .from(invitations)
    .where(
      and(
        eq(invitations.organizationId, organizationId),
        isNotNull(invitations.secret),
        after === null ? undefined : gt(invitations.id, after),
      ),
    )
    .orderBy(asc(invitations.id))
    .limit(PAGE);

/** Changes nothing if the mail was sent meanwhile. */
async function encryptAgain(
  db: Db,
  organizationId: string,
  { id, secret }: Stored,
  encryption: Encryption,
): Promise<boolean> {
  if (secret === null || encryption.isCurrent(secret)) return false;
  const place = placeOfSecret(organizationId, id);
  const changed = await db
    .update(invitations)
    .set({ secret: encryption.encrypt(encryption.decrypt(secret, place), place) })
    .where(and(eq(invitations.organizationId, organizationId), eq(invitations.id, id), eq(invitations.secret, secret)))
    .returning({ id: invitations.id });
  return changed.length > 0;
}
