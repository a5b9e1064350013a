import { and, eq, isNull, lt } from 'drizzle-orm';
import { z } from 'zod';
import { refusal } from '../access/access.ts';
import { loadGrants } from '../access/grants.ts';
import { audit, become, bind, type Context, db, endTransaction } from '../context.ts';
import { type Db, drizzleOn } from '../db/client.ts';
import { inTransaction } from '../db/transaction.ts';
import { type AmbitError, invalid, userError } from '../errors.ts';
import { fromPublicId, newId, toPublicId } from '../ids.ts';
import { email, line, parse, targetId } from '../input.ts';
import { hashSecret, isSecret, newSecret } from '../resources/api-token/secret.ts';
import { recordEvent } from '../resources/audit-event/service.ts';
import { foundOrganization, type OrganizationRow } from '../resources/organization/service.ts';
import { endOwnSession } from '../resources/session/service.ts';
import { refreshTokens, sessions } from '../resources/session/table.ts';
import { users } from '../resources/user/table.ts';
import { ANONYMOUS } from './actor.ts';
import { actorIn } from './actors.ts';
import { unauthenticated } from './identity.ts';
import { findMemberships, findRefreshToken, findSession, findUserByEmail, type RefreshToken } from './lookup.ts';
import { hashPassword, verifyPassword } from './password.ts';

/** What a client keeps of its sign-in. */
export interface IssuedSession {
  accessToken: string;
  refreshToken: string;
  /** When the access token ends. */
  expiresAt: Date;
  organizationId: string | null;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

// Length is what makes a password; 8 is the least that NIST SP 800-63B allows.
const password = z.string().min(8).max(256);

const SignUp = z.object({ email, password, name: line(100) });

export async function signUp(ctx: Context, input: unknown): Promise<IssuedSession> {
  const given = parse(SignUp, input);
  await ctx.parts.identity.limiter.count({ address: ctx.address });
  const passwordHash = await hashPassword(given.password);
  const userId = newId();
  bind(ctx, { organizationId: null, userId });
  const values = { id: userId, email: given.email, name: given.name, passwordHash, createdAt: ctx.parts.clock() };
  await (await db(ctx)).insert(users).values(values);
  return await beginSession(ctx, userId, null);
}

const SignIn = z.object({
  email: z.string().max(254),
  password: z.string().max(256),
  organization: z.string().max(63).nullish(),
});

/** An unknown address and a wrong password take the same work and get the same answer. */
export async function signIn(ctx: Context, input: unknown): Promise<IssuedSession> {
  const given = parse(SignIn, input);
  // Folded once, so that what is counted and what is looked up cannot differ: Postgres reads İ as i, JavaScript does not.
  const account = given.email.trim().toLowerCase();
  const { limiter } = ctx.parts.identity;
  await limiter.count({ account, address: ctx.address });
  const pool = drizzleOn(ctx.parts.pool.sql);
  const user = await findUserByEmail(pool, account);
  const right = await verifyPassword(given.password, user?.password_hash ?? null);
  if (!user || !right) throw wrongCredentials('E-mail address and password do not belong together.');
  await limiter.forget(account);
  const organizationId = await chooseOrganization(ctx, user.id, given.organization ?? null);
  bind(ctx, { organizationId, userId: user.id });
  await (await db(ctx))
    .delete(sessions)
    .where(and(eq(sessions.userId, user.id), lt(sessions.expiresAt, ctx.parts.clock())));
  return await beginSession(ctx, user.id, organizationId);
}

/** The one that is asked for, else the one that was joined first. */
async function chooseOrganization(ctx: Context, userId: string, slug: string | null): Promise<string | null> {
  const memberships = await findMemberships(drizzleOn(ctx.parts.pool.sql), userId);
  if (slug === null) return memberships[0]?.organization_id ?? null;
  const chosen = memberships.find((membership) => membership.slug === slug);
  if (!chosen)
    throw invalid(userError('NOT_FOUND', 'organization', 'organization: you belong to none with this slug.'));
  return chosen.organization_id;
}

async function beginSession(ctx: Context, userId: string, organizationId: string | null): Promise<IssuedSession> {
  const now = ctx.parts.clock();
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

const idleEnd = (ctx: Context): Date => new Date(ctx.parts.clock().getTime() + ctx.parts.config.sessionDays * DAY);

/** New tokens for the session, and the request goes on as its user. */
async function issue(ctx: Context, sessionId: string): Promise<IssuedSession> {
  const tx = await db(ctx);
  const refreshToken = newSecret('ambit_ref_');
  await tx.insert(refreshTokens).values({ hash: hashSecret(refreshToken), sessionId });
  const row = await findSession(tx, sessionId);
  if (!row) throw new Error('the session that was just made is gone');
  if (row.organization_id) await (await ctx.transaction)?.rebind(row.organization_id);
  const actor = await actorIn(tx, 'SESSION', row, ctx.parts.clock());
  become(ctx, actor);
  const organizationId = actor.organization?.id ?? null;
  const expiresAt = new Date(ctx.parts.clock().getTime() + ctx.parts.config.accessTokenMinutes * MINUTE);
  const claims = {
    sub: toPublicId('usr', actor.user?.id ?? ''),
    sid: toPublicId('ses', sessionId),
    ...(organizationId && { org: toPublicId('org', organizationId) }),
  };
  const accessToken = await ctx.parts.identity.keys.sign(claims, expiresAt);
  const targetId = toPublicId('ses', sessionId);
  audit(ctx, {
    targetId,
    after: { session: targetId, organizationId: claims.org ?? null },
    ...(organizationId && { organizationId }),
  });
  return { accessToken, refreshToken, expiresAt, organizationId };
}

const INVALID_REFRESH = 'refreshToken: is not valid: it is unknown, used, or its session has ended. Sign in again.';

export async function refreshSession(ctx: Context, input: { refreshToken: string }): Promise<IssuedSession> {
  const secret = input.refreshToken;
  const token = isSecret('ambit_ref_', secret)
    ? await findRefreshToken(drizzleOn(ctx.parts.pool.sql), hashSecret(secret))
    : null;
  if (!token || new Date(token.expires_at) <= ctx.parts.clock())
    throw wrongCredentials(INVALID_REFRESH, ['refreshToken']);
  bind(ctx, { organizationId: token.organization_id, userId: token.user_id });
  const tx = await db(ctx);
  // Two that show the same token at once: the second waits for the first, and finds it used.
  const rotated = await tx
    .update(refreshTokens)
    .set({ usedAt: ctx.parts.clock() })
    .where(and(eq(refreshTokens.hash, hashSecret(secret)), isNull(refreshTokens.usedAt)))
    .returning({ hash: refreshTokens.hash });
  if (rotated.length === 0) return await endFamily(ctx, token);
  await tx
    .update(sessions)
    .set({ refreshedAt: ctx.parts.clock(), expiresAt: idleEnd(ctx) })
    .where(eq(sessions.id, token.session_id));
  return await issue(ctx, token.session_id);
}

/** A used token was shown again: either the client or a thief has an old copy, so neither goes on (RFC 9700, 4.14.2). */
async function endFamily(ctx: Context, token: RefreshToken): Promise<never> {
  await endTransaction(ctx, 'rollback');
  const organizationId = token.organization_id;
  const binding = { organizationId, userId: token.user_id };
  audit(ctx, { targetId: toPublicId('ses', token.session_id) });
  const end = async (own: Db): Promise<void> => {
    const row = await findSession(own, token.session_id);
    const actor = row ? await actorIn(own, 'SESSION', row, ctx.parts.clock()) : ANONYMOUS;
    await own.delete(sessions).where(eq(sessions.id, token.session_id));
    const reason = 'REFRESH_TOKEN_REUSED';
    // A mutation leaves one event: a caller who is here already gets it like any other that was refused.
    if (organizationId && organizationId !== ctx.actor.organization?.id)
      await recordEvent(own, ctx, {
        action: 'refreshSession',
        permission: null,
        outcome: 'REFUSED',
        reason,
        actor,
        organizationId,
      });
  };
  await inTransaction(ctx.parts.pool, binding, end, 'read write', ctx.work);
  throw wrongCredentials(INVALID_REFRESH, ['refreshToken']);
}

/** Moves the session: its earlier tokens end, and it acts in the other organization. */
export async function switchOrganization(ctx: Context, input: { organizationId: string }): Promise<IssuedSession> {
  const { session, userId } = requireSession(ctx);
  const wanted = fromPublicId('org', input.organizationId);
  const tx = await db(ctx);
  const memberships = await findMemberships(tx, userId);
  const target = memberships.find((membership) => membership.organization_id === wanted);
  if (!target)
    throw invalid(
      userError('NOT_FOUND', 'organizationId', 'organizationId: you belong to no organization with this id.'),
    );
  // Under a new id, so that no earlier token comes back to life when the session comes back to an organization.
  const [former] = await tx.delete(sessions).where(eq(sessions.id, session)).returning();
  if (!former) throw unauthenticated();
  const moved = { ...former, id: newId(), organizationId: target.organization_id, expiresAt: idleEnd(ctx) };
  await tx.insert(sessions).values(moved);
  const issued = await issue(ctx, moved.id);
  // The transaction is bound to where the caller was, and so is the event.
  const { targetId, after } = ctx.event as { targetId: string; after: unknown };
  const from = former.organizationId && toPublicId('org', former.organizationId);
  ctx.event = { targetId, before: { session: toPublicId('ses', session), organizationId: from }, after };
  return issued;
}

export async function signOut(ctx: Context, input: { sessionId?: string | null | undefined }): Promise<void> {
  const { session } = requireSession(ctx);
  await endOwnSession(ctx, input.sessionId == null ? session : targetId('ses', input.sessionId));
}

export async function createOrganization(ctx: Context, input: unknown): Promise<OrganizationRow> {
  const { userId } = requireSession(ctx);
  const { organization, principalId } = await foundOrganization(ctx, userId, input);
  const { id, slug, name } = organization;
  // The answer shows the new organization as its Owner sees it; the session stays where it is.
  const grants = await loadGrants(await db(ctx), id, organization.plan, ctx.parts.clock(), [principalId]);
  const principal = { id: principalId, name: ctx.actor.user?.name ?? '' };
  become(ctx, { ...ctx.actor, organization: { id, slug, name }, principal, grants: grants.get(principalId) ?? null });
  return organization;
}

/** What a person does for themselves, no token does for them. */
export function requireSession(ctx: Context): { session: string; userId: string } {
  const { credential, user } = ctx.actor;
  if (credential?.kind !== 'SESSION' || !user)
    throw refusal('SESSION_REQUIRED', 'An API token cannot do this.', 'Sign in, and use the access token.');
  return { session: credential.id, userId: user.id };
}

const wrongCredentials = (message: string, path: string[] = []): AmbitError =>
  invalid(userError('WRONG_CREDENTIALS', path, message));
