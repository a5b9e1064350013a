import { eq } from 'drizzle-orm';
import { audit, type Context } from '../../context.ts';
import { type Db, drizzleOn } from '../../db/client.ts';
import { inTransaction } from '../../db/transaction.ts';
import {
  type CredentialRow,
  findRefreshTokenAcrossTenants,
  findTokenAcrossTenants,
} from '../../identity/across-tenants.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { toPublicId } from '../../lib/ids.ts';
import { hashSecret, isSecret } from '../../lib/secret.ts';
import { recordEvent } from '../audit-event/service.ts';
import { revokeIntegrationSecret } from '../integration/revoke.ts';
import { sessions } from '../session/table.ts';
import { deleteLineage } from './lineage.ts';

/**
 * Revokes the API token or API key with this secret, and all that were created with it. For a refresh token, ends its
 * session. For the secret of an integration, disables the integration. No credential is needed, because whoever has the
 * secret can use it. A secret that is unknown or not valid any more changes nothing.
 */
export async function revokeSecret(ctx: Context, secret: string): Promise<void> {
  if (isSecret('ambit_ref_', secret)) return await revokeSession(ctx, hashSecret(secret));
  if (isSecret('ambit_int_', secret)) return await revokeIntegration(ctx, hashSecret(secret));
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
      const deleted = (await deleteLineage(tx, organizationId, row.credential_id)).find(
        ({ id }) => id === row.credential_id,
      );
      // Another request has just deleted it.
      if (!deleted) return;
      const targetId = toPublicId(row.kind === 'API_KEY' ? 'key' : 'tok', row.credential_id);
      const projectId = row.project_id && toPublicId('prj', row.project_id);
      const before = { id: targetId, name: deleted.name, access: row.access, ...(projectId && { projectId }) };
      audit(ctx, { targetId, before, after: null });
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

async function revokeIntegration(ctx: Context, hash: string): Promise<void> {
  const { pool, identity } = ctx.dependencies;
  ctx.work.statements += 1;
  const organizationId = await identity.lookups.organizationOf(hash);
  if (organizationId === '') return;
  await inTransaction(
    pool,
    { organizationId, userId: null },
    async (tx) => {
      if (await revokeIntegrationSecret(tx, ctx, organizationId, hash)) await record(tx, ctx, organizationId);
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
