import { and, eq } from 'drizzle-orm';
import { audit, type Context, db, setActor } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { findSessionAcrossTenants } from '../../identity/across-tenants.ts';
import { actorIn } from '../../identity/actors.ts';
import { AmbitError, invalid, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { hashSecret, newSecret } from '../../lib/secret.ts';
import { principals } from '../principal/table.ts';
import { refreshTokens, sessions } from './table.ts';

/** The tokens that a client stores after sign-in. */
export interface IssuedSession {
  accessToken: string;
  refreshToken: string;
  /** When the access token expires. */
  expiresAt: Date;
  organizationId: string | null;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export async function beginSession(
  ctx: Context,
  userId: string,
  organizationId: string | null,
): Promise<IssuedSession> {
  const now = ctx.dependencies.clock();
  const id = newId();
  await (await db(ctx)).insert(sessions).values({
    id,
    userId,
    organizationId,
    address: ctx.address,
    userAgent: ctx.userAgent,
    createdAt: now,
    refreshedAt: now,
    expiresAt: idleEnd(ctx),
  });
  return await issue(ctx, id, userId);
}

export const idleEnd = (ctx: Context): Date =>
  new Date(ctx.dependencies.clock().getTime() + ctx.dependencies.config.sessionDays * DAY);

/** Issues new tokens for the session and sets its user as the actor of the request. The session is the audited target. */
export async function issue(ctx: Context, sessionId: string, userId: string): Promise<IssuedSession> {
  const issued = await issueTokens(ctx, sessionId, userId);
  const { organizationId } = issued;
  audit(ctx, { ...sessionShown(sessionId, organizationId), ...(organizationId && { organizationId }) });
  return issued;
}

/** The state of a session for the audit log. */
export function sessionShown(sessionId: string, organizationId: string | null): { targetId: string; after: object } {
  const targetId = toPublicId('ses', sessionId);
  return { targetId, after: { id: targetId, organizationId: organizationId && toPublicId('org', organizationId) } };
}

/** Issues new tokens for the session and sets its user as the actor of the request. */
export async function issueTokens(ctx: Context, sessionId: string, userId: string): Promise<IssuedSession> {
  const tx = await db(ctx);
  const refreshToken = newSecret('ambit_ref_');
  await tx
    .insert(refreshTokens)
    .values({ hash: hashSecret(refreshToken), sessionId, userId, issuedAt: ctx.dependencies.clock() });
  const row = await findSessionAcrossTenants(tx, sessionId);
  if (!row) throw new Error('the new session does not exist');
  if (row.organization_id) await (await ctx.unit.transaction)?.rebind(row.organization_id);
  const [, actor] = await Promise.all([
    row.organization_id && lockMember(tx, row.organization_id, userId),
    actorIn(tx, 'SESSION', row, ctx.dependencies.clock()),
  ]);
  setActor(ctx, actor);
  const organizationId = actor.organization?.id ?? null;
  const expiresAt = new Date(ctx.dependencies.clock().getTime() + ctx.dependencies.config.accessTokenMinutes * MINUTE);
  const claims = {
    sub: toPublicId('usr', actor.user?.id ?? ''),
    sid: toPublicId('ses', sessionId),
    ...(organizationId && { org: toPublicId('org', organizationId) }),
  };
  const accessToken = await ctx.dependencies.identity.keys.sign(claims, expiresAt);
  return { accessToken, refreshToken, expiresAt, organizationId };
}

/**
 * Keeps the member until the end of the transaction, so that the deletion of the member also finds the session and deletes
 * it. A foreign key cannot do this, because sessions belong to the instance.
 */
async function lockMember(tx: Db, organizationId: string, userId: string): Promise<void> {
  const [member] = await tx
    .select({ id: principals.id })
    .from(principals)
    .where(and(eq(principals.organizationId, organizationId), eq(principals.userId, userId)))
    .for('key share');
  if (!member) throw new AmbitError('CONFLICT', 'Your membership in the organization ended at this moment. Try again.');
}

export const wrongCredentials = (message: string, path: string[] = []): AmbitError =>
  invalid(userError('WRONG_CREDENTIALS', path, message));
