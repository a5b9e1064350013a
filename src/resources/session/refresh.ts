import { and, eq, isNull, sql } from 'drizzle-orm';
import { audit, type Context, db, endTransaction, setTenant } from '../../context.ts';
import { type Db, drizzleOn } from '../../db/client.ts';
import { inTransaction } from '../../db/transaction.ts';
import {
  findRefreshTokenAcrossTenants,
  findSessionAcrossTenants,
  type RefreshToken,
} from '../../identity/across-tenants.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { actorIn } from '../../identity/actors.ts';
import type { AmbitError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { networkOf } from '../../lib/network.ts';
import { hashSecret, isSecret } from '../../lib/secret.ts';
import { recordEvent } from '../audit-event/service.ts';
import { type IssuedSession, idleEnd, issue, lockMember, wrongCredentials } from './issue.ts';
import { refreshTokens, sessions } from './table.ts';

/**
 * Milliseconds during which a used refresh token still works, because two tabs or a retry after a lost response use the
 * same token at nearly the same time.
 */
const GRACE = 10_000;
/** Used tokens, and unused ones, that are kept for each session. The reuse of an older token does not end the session. */
const KEPT = 100;

const invalidToken = (): AmbitError =>
  wrongCredentials('refreshToken: is not valid: it is unknown, used, or its session has ended. Sign in again.', [
    'refreshToken',
  ]);

export async function refreshSession(ctx: Context, { refreshToken }: { refreshToken: string }): Promise<IssuedSession> {
  const token = await findToken(ctx, refreshToken);
  await ctx.dependencies.identity.limiter.consume('refreshPerSession', token.session_id);
  setTenant(ctx, { organizationId: token.organization_id, userId: token.user_id });
  const member = token.organization_id === null ? null : await lockMember(ctx, token.organization_id, token.user_id);
  const tx = await db(ctx);
  if (!(await use(tx, hashSecret(refreshToken), ctx.dependencies.clock()))) return await endFamily(ctx, token);
  await tx
    .update(sessions)
    .set({ refreshedAt: ctx.dependencies.clock(), expiresAt: idleEnd(ctx) })
    .where(eq(sessions.id, token.session_id));
  const issued = await issue(ctx, token.session_id, member);
  await deleteOldTokens(tx, token.session_id);
  return issued;
}

/** The token, if its session is active. */
async function findToken(ctx: Context, secret: string): Promise<RefreshToken> {
  if (!isSecret('ambit_ref_', secret)) throw invalidToken();
  await ctx.dependencies.identity.limiter.consume('refreshPerNetwork', networkOf(ctx.address));
  const token = await findRefreshTokenAcrossTenants(drizzleOn(ctx.dependencies.pool.sql), hashSecret(secret));
  if (!token || new Date(token.expires_at) <= ctx.dependencies.clock()) throw invalidToken();
  return token;
}

/** Marks the token as used. Returns false if it was used before, and not just now. */
async function use(tx: Db, hash: string, now: Date): Promise<boolean> {
  // The second of two concurrent requests with one token waits for the first, and finds the token used.
  const marked = await tx
    .update(refreshTokens)
    .set({ usedAt: now })
    .where(and(eq(refreshTokens.hash, hash), isNull(refreshTokens.usedAt)))
    .returning({ hash: refreshTokens.hash });
  if (marked.length > 0) return true;
  const [used] = await tx.select({ at: refreshTokens.usedAt }).from(refreshTokens).where(eq(refreshTokens.hash, hash));
  return used?.at != null && now.getTime() - used.at.getTime() <= GRACE;
}

async function deleteOldTokens(tx: Db, sessionId: string): Promise<void> {
  const { hash, usedAt, issuedAt } = refreshTokens;
  const rank = sql`row_number() over (partition by ${usedAt} is null order by coalesce(${usedAt}, ${issuedAt}) desc nulls last)`;
  const ranked = sql`select ${hash} as hash, ${rank} as rank from ${refreshTokens} where ${refreshTokens.sessionId} = ${sessionId}`;
  await tx
    .delete(refreshTokens)
    .where(
      and(
        eq(refreshTokens.sessionId, sessionId),
        sql`${hash} in (select ranked.hash from (${ranked}) ranked where ranked.rank > ${KEPT})`,
      ),
    );
}

/** A refresh token was reused. The client or a thief has an old copy, so the session ends (RFC 9700, 4.14.2). */
async function endFamily(ctx: Context, token: RefreshToken): Promise<never> {
  await endTransaction(ctx, 'rollback');
  const organizationId = token.organization_id;
  const binding = { organizationId, userId: token.user_id };
  audit(ctx, { targetId: toPublicId('ses', token.session_id) });
  const end = async (own: Db): Promise<void> => {
    const row = await findSessionAcrossTenants(own, token.session_id);
    const actor = row ? await actorIn(own, row, ctx.dependencies.clock()) : ANONYMOUS;
    await own.delete(sessions).where(eq(sessions.id, token.session_id));
    const reason = 'REFRESH_TOKEN_REUSED';
    // A mutation leaves one event. For an authenticated caller, the refusal writes it.
    if (organizationId && organizationId !== ctx.unit.actor.organization?.id)
      await recordEvent(own, ctx, {
        action: 'refreshSession',
        permission: null,
        outcome: 'REFUSED',
        reason,
        actor,
        organizationId,
      });
  };
  await inTransaction(ctx.dependencies.pool, binding, end, 'read write', ctx.work);
  throw invalidToken();
}
