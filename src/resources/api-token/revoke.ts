import { and, eq } from 'drizzle-orm';
import { audit, type Context } from '../../context.ts';
import { type Db, drizzleOn } from '../../db/client.ts';
import { inTransaction } from '../../db/transaction.ts';
import {
  type CredentialRow,
  findRefreshTokenAcrossTenants,
  findTokenAcrossTenants,
} from '../../identity/across-tenants.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { removeSecrets } from '../../identity/secrets.ts';
import { toPublicId } from '../../lib/ids.ts';
import { hashSecret, isSecret } from '../../lib/secret.ts';
import { recordEvent } from '../audit-event/service.ts';
import { sessions } from '../session/table.ts';
import { hashesOf, lockLineage } from './lineage.ts';
import { apiTokens } from './table.ts';

/**
 * Revokes the API token or API key with this secret, with all that were made with it, or ends the session of a refresh
 * token. Whoever has the secret can use it,
 * so no credential is needed. A secret that is unknown or not valid any more changes nothing.
 */
export async function revokeSecret(ctx: Context, secret: string): Promise<void> {
  if (isSecret('ambit_ref_', secret)) return await revokeSession(ctx, hashSecret(secret));
  if (isSecret('ambit_pat_', secret) || isSecret('ambit_key_', secret)) await revokeToken(ctx, hashSecret(secret));
}

async function revokeToken(ctx: Context, hash: string): Promise<void> {
  ctx.work.statements += 1;
  const row = await findTokenAcrossTenants(await ctx.dependencies.identity.lookups.ofSecret(hash), hash);
  const isEnded = row?.expires_at != null && new Date(row.expires_at) <= ctx.dependencies.clock();
  if (row?.organization_id && !isEnded) await deleteToken(ctx, row, row.organization_id);
}

async function deleteToken(ctx: Context, row: CredentialRow, organizationId: string): Promise<void> {
  const binding = { organizationId, userId: null };
  await inTransaction(
    ctx.dependencies.pool,
    binding,
    async (tx) => {
      const own = eq(apiTokens.id, row.credential_id);
      const lineage = await lockLineage(tx, organizationId, own);
      const [deleted] = await tx
        .delete(apiTokens)
        .where(and(eq(apiTokens.organizationId, organizationId), own))
        .returning({ name: apiTokens.name, access: apiTokens.access });
      // Another request has just deleted it.
      if (!deleted) return;
      await removeSecrets(tx, hashesOf(lineage));
      const targetId = toPublicId(row.kind === 'API_KEY' ? 'key' : 'tok', row.credential_id);
      const projectId = row.project_id && toPublicId('prj', row.project_id);
      audit(ctx, { targetId, before: { id: targetId, ...deleted, ...(projectId && { projectId }) }, after: null });
      await record(tx, ctx, organizationId);
    },
    'read write',
    ctx.work,
  );
}

async function revokeSession(ctx: Context, hash: string): Promise<void> {
  const { pool } = ctx.dependencies;
  ctx.work.statements += 1;
  const found = await findRefreshTokenAcrossTenants(drizzleOn(pool.sql), hash);
  if (!found) return;
  const { session_id: id, user_id: userId, organization_id: organizationId } = found;
  await inTransaction(
    pool,
    { organizationId, userId },
    async (tx) => {
      const ended = await tx.delete(sessions).where(eq(sessions.id, id)).returning({ id: sessions.id });
      if (ended.length === 0 || !organizationId) return;
      const targetId = toPublicId('ses', id);
      audit(ctx, { targetId, before: { id: targetId }, after: null });
      await record(tx, ctx, organizationId);
    },
    'read write',
    ctx.work,
  );
}

const record = (tx: Db, ctx: Context, organizationId: string): Promise<unknown> =>
  recordEvent(tx, ctx, {
    action: 'revokeSecret',
    permission: null,
    outcome: 'ALLOWED',
    reason: null,
    actor: ANONYMOUS,
    organizationId,
  });
