import { randomBytes } from 'node:crypto';
import { and, eq } from 'drizzle-orm';
import { audit, type Context } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { addSecrets, removeSecrets } from '../../identity/secrets.ts';
import { toPublicId } from '../../lib/ids.ts';
import { snapshotOf } from './service.ts';
import { integrations } from './table.ts';

/** A random value with the length of a hash. Nobody knows a secret with this hash. */
const newHash = (): string => randomBytes(32).toString('base64url');

/**
 * Disables the integration with this secret, and replaces the hash of the secret. So the leaked URL remains invalid when the
 * integration is enabled again. The hint does not change. Returns false if no integration of the organization has the secret
 * any more.
 */
export async function revokeIntegrationSecret(
  db: Db,
  ctx: Context,
  organizationId: string,
  hash: string,
): Promise<boolean> {
  const own = eq(integrations.organizationId, organizationId);
  const [before] = await db
    .select()
    .from(integrations)
    .where(and(own, eq(integrations.hash, hash)))
    .for('no key update');
  if (!before) return false;
  const changes = { enabled: false, hash: newHash(), updatedAt: ctx.dependencies.clock() };
  await db
    .update(integrations)
    .set(changes)
    .where(and(own, eq(integrations.id, before.id)));
  await removeSecrets(db, [hash]);
  await addSecrets(db, organizationId, [changes.hash]);
  audit(ctx, {
    targetId: toPublicId('int', before.id),
    before: snapshotOf(before),
    after: snapshotOf({ ...before, ...changes }),
  });
  return true;
}
