import { and, eq, isNull, lt } from 'drizzle-orm';
import { z } from 'zod';
import { audit, type Context, db, endTransaction, setActor, setTenant } from '../../context.ts';
import { type Db, drizzleOn } from '../../db/client.ts';
import { inTransaction } from '../../db/transaction.ts';
import {
  findMembershipsAcrossTenants,
  findRefreshTokenAcrossTenants,
  findSessionAcrossTenants,
  findUserByEmailAcrossTenants,
  type RefreshToken,
} from '../../identity/across-tenants.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { actorIn } from '../../identity/actors.ts';
import { unauthenticated } from '../../identity/identity.ts';
import { hashPassword, verifyPassword } from '../../identity/password.ts';
import { type AmbitError, invalid, userError } from '../../lib/errors.ts';
import { fromPublicId, newId, toPublicId } from '../../lib/ids.ts';
import { email, parse, singleLine } from '../../lib/input.ts';
import { hashSecret, isSecret, newSecret } from '../../lib/secret.ts';
import { recordEvent } from '../audit-event/service.ts';
import { requireSession } from '../principal/access.ts';
import { users } from '../user/table.ts';
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

// The strength of a password is its length. 8 is the minimum of NIST SP 800-63B.
const password = z.string().min(8).max(256);

const SignUp = z.object({ email, password, name: singleLine(100) });

export async function signUp(ctx: Context, input: unknown): Promise<IssuedSession> {
  const given = parse(SignUp, input);
  await ctx.dependencies.identity.limiter.count({ address: ctx.address });
  const passwordHash = await hashPassword(given.password);
  const userId = newId();
  setTenant(ctx, { organizationId: null, userId });
  const values = {
    id: userId,
    email: given.email,
    name: given.name,
    passwordHash,
    createdAt: ctx.dependencies.clock(),
  };
  await (await db(ctx)).insert(users).values(values);
  return await beginSession(ctx, userId, null);
}

const SignIn = z.object({
  email: z.string().max(254),
  password: z.string().max(256),
  organizationSlug: z.string().max(63).nullish(),
});

/** An unknown address and a wrong password take the same time and get the same response. */
export async function signIn(ctx: Context, input: unknown): Promise<IssuedSession> {
  const given = parse(SignIn, input);
  // Folded once, so that rate limit and lookup use the same text: PostgreSQL folds İ to i, JavaScript does not.
  const account = given.email.trim().toLowerCase();
  const { limiter } = ctx.dependencies.identity;
  await limiter.count({ account, address: ctx.address });
  const pool = drizzleOn(ctx.dependencies.pool.sql);
  const user = await findUserByEmailAcrossTenants(pool, account);
  const right = await verifyPassword(given.password, user?.password_hash ?? null);
  if (!user || !right) throw wrongCredentials('The e-mail address or the password is wrong.');
  await limiter.reset(account);
  const organizationId = await chooseOrganization(ctx, user.id, given.organizationSlug ?? null);
  setTenant(ctx, { organizationId, userId: user.id });
  await (await db(ctx))
    .delete(sessions)
    .where(and(eq(sessions.userId, user.id), lt(sessions.expiresAt, ctx.dependencies.clock())));
  return await beginSession(ctx, user.id, organizationId);
}

/** The requested organization. Defaults to the one that the user joined first. */
async function chooseOrganization(ctx: Context, userId: string, slug: string | null): Promise<string | null> {
  const memberships = await findMembershipsAcrossTenants(drizzleOn(ctx.dependencies.pool.sql), userId);
  if (slug === null) return memberships[0]?.organization_id ?? null;
  const chosen = memberships.find((membership) => membership.slug === slug);
  if (!chosen)
    throw invalid(
      userError(
        'NOT_FOUND',
        'organizationSlug',
        'organizationSlug: you are not a member of an organization with this slug.',
      ),
    );
  return chosen.organization_id;
}

async function beginSession(ctx: Context, userId: string, organizationId: string | null): Promise<IssuedSession> {
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
  return await issue(ctx, id);
}

const idleEnd = (ctx: Context): Date =>
  new Date(ctx.dependencies.clock().getTime() + ctx.dependencies.config.sessionDays * DAY);

/** Issues new tokens for the session and sets its user as the actor of the request. */
async function issue(ctx: Context, sessionId: string): Promise<IssuedSession> {
  const tx = await db(ctx);
  const refreshToken = newSecret('ambit_ref_');
  await tx.insert(refreshTokens).values({ hash: hashSecret(refreshToken), sessionId });
  const row = await findSessionAcrossTenants(tx, sessionId);
  if (!row) throw new Error('the new session does not exist');
  if (row.organization_id) await (await ctx.unit.transaction)?.rebind(row.organization_id);
  const actor = await actorIn(tx, 'SESSION', row, ctx.dependencies.clock());
  setActor(ctx, actor);
  const organizationId = actor.organization?.id ?? null;
  const expiresAt = new Date(ctx.dependencies.clock().getTime() + ctx.dependencies.config.accessTokenMinutes * MINUTE);
  const claims = {
    sub: toPublicId('usr', actor.user?.id ?? ''),
    sid: toPublicId('ses', sessionId),
    ...(organizationId && { org: toPublicId('org', organizationId) }),
  };
  const accessToken = await ctx.dependencies.identity.keys.sign(claims, expiresAt);
  const targetId = toPublicId('ses', sessionId);
  audit(ctx, {
    targetId,
    after: { id: targetId, organizationId: claims.org ?? null },
    ...(organizationId && { organizationId }),
  });
  return { accessToken, refreshToken, expiresAt, organizationId };
}

const INVALID_REFRESH = 'refreshToken: is not valid: it is unknown, used, or its session has ended. Sign in again.';

export async function refreshSession(ctx: Context, input: { refreshToken: string }): Promise<IssuedSession> {
  const secret = input.refreshToken;
  const token = isSecret('ambit_ref_', secret)
    ? await findRefreshTokenAcrossTenants(drizzleOn(ctx.dependencies.pool.sql), hashSecret(secret))
    : null;
  if (!token || new Date(token.expires_at) <= ctx.dependencies.clock())
    throw wrongCredentials(INVALID_REFRESH, ['refreshToken']);
  setTenant(ctx, { organizationId: token.organization_id, userId: token.user_id });
  const tx = await db(ctx);
  // The second of two concurrent requests with one token waits for the first, and finds the token used.
  const rotated = await tx
    .update(refreshTokens)
    .set({ usedAt: ctx.dependencies.clock() })
    .where(and(eq(refreshTokens.hash, hashSecret(secret)), isNull(refreshTokens.usedAt)))
    .returning({ hash: refreshTokens.hash });
  if (rotated.length === 0) return await endFamily(ctx, token);
  await tx
    .update(sessions)
    .set({ refreshedAt: ctx.dependencies.clock(), expiresAt: idleEnd(ctx) })
    .where(eq(sessions.id, token.session_id));
  return await issue(ctx, token.session_id);
}

/** A refresh token was reused. The client or a thief has an old copy, so the session ends (RFC 9700, 4.14.2). */
async function endFamily(ctx: Context, token: RefreshToken): Promise<never> {
  await endTransaction(ctx, 'rollback');
  const organizationId = token.organization_id;
  const binding = { organizationId, userId: token.user_id };
  audit(ctx, { targetId: toPublicId('ses', token.session_id) });
  const end = async (own: Db): Promise<void> => {
    const row = await findSessionAcrossTenants(own, token.session_id);
    const actor = row ? await actorIn(own, 'SESSION', row, ctx.dependencies.clock()) : ANONYMOUS;
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
  throw wrongCredentials(INVALID_REFRESH, ['refreshToken']);
}

/** Binds the session to another organization and revokes its earlier tokens. */
export async function switchOrganization(ctx: Context, input: { organizationId: string }): Promise<IssuedSession> {
  const { sessionId: session, userId } = requireSession(ctx);
  const wanted = fromPublicId('org', input.organizationId);
  const tx = await db(ctx);
  const memberships = await findMembershipsAcrossTenants(tx, userId);
  const target = memberships.find((membership) => membership.organization_id === wanted);
  if (!target)
    throw invalid(
      userError('NOT_FOUND', 'organizationId', 'organizationId: you are not a member of an organization with this ID.'),
    );
  // With a new ID, so that earlier tokens stay invalid when the session returns to an organization.
  const [former] = await tx.delete(sessions).where(eq(sessions.id, session)).returning();
  if (!former) throw unauthenticated();
  const moved = { ...former, id: newId(), organizationId: target.organization_id, expiresAt: idleEnd(ctx) };
  await tx.insert(sessions).values(moved);
  const issued = await issue(ctx, moved.id);
  // The transaction and its event belong to the former organization.
  const { targetId, after } = ctx.unit.auditDraft as { targetId: string; after: unknown };
  const from = former.organizationId && toPublicId('org', former.organizationId);
  const ended = toPublicId('ses', session);
  audit(ctx, {
    targetId,
    before: null,
    after,
    related: [{ targetId: ended, before: { id: ended, organizationId: from }, after: null }],
    organizationId: undefined,
  });
  return issued;
}

const wrongCredentials = (message: string, path: string[] = []): AmbitError =>
  invalid(userError('WRONG_CREDENTIALS', path, message));
