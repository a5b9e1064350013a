import { and, eq, getTableColumns } from 'drizzle-orm';
import { audit, type Context, db, setActor } from '../../context.ts';
import { type CredentialRow, OF_SESSION } from '../../identity/across-tenants.ts';
import { actorIn } from '../../identity/actors.ts';
import { AmbitError, invalid, userError } from '../../lib/errors.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { hashSecret, newSecret } from '../../lib/secret.ts';
import { organizations } from '../organization/table.ts';
import { principals } from '../principal/table.ts';
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

/** A member whose row is locked until the end of the transaction. */
export interface LockedMember {
  id: string;
  organizationId: string;
}

/**
 * Binds the transaction to the organization and locks the member. So a concurrent deletion of the member waits, and then
 * deletes the new session too. A foreign key cannot do this: sessions are on the coordinator of a Citus cluster, and members
 * on the workers. It must be called before the transaction changes a session. The deletion uses the same order, and another
 * one would cause deadlocks.
 */
export async function lockMember(ctx: Context, organizationId: string, userId: string): Promise<LockedMember> {
  const tx = await db(ctx);
  await (await ctx.unit.transaction)?.rebind(organizationId);
  const [member] = await tx
    .select({ id: principals.id, organizationId: principals.organizationId })
    .from(principals)
    .where(and(eq(principals.organizationId, organizationId), eq(principals.userId, userId)))
    .for('key share');
  if (!member) throw membershipEnded();
  return member;
}

const membershipEnded = (): AmbitError =>
  new AmbitError('CONFLICT', 'You are no longer a member of the organization. Try again.');

/** Begins a session in the organization of the member. Null for a session without an organization. */
export async function beginSession(ctx: Context, userId: string, member: LockedMember | null): Promise<IssuedSession> {
  return await issue(ctx, await insertSession(ctx, userId, member, idleEnd(ctx)), member);
}

/** Returns the ID of the new session. */
export async function insertSession(
  ctx: Context,
  userId: string,
  member: LockedMember | null,
  expiresAt: Date,
): Promise<string> {
  const now = ctx.dependencies.clock();
  const id = newId();
  await (await db(ctx)).insert(sessions).values({
    id,
    userId,
    organizationId: member?.organizationId ?? null,
    address: ctx.address,
    userAgent: ctx.userAgent,
    createdAt: now,
    refreshedAt: now,
    expiresAt,
  });
  return id;
}

export const idleEnd = (ctx: Context): Date =>
  new Date(ctx.dependencies.clock().getTime() + ctx.dependencies.config.sessionDays * DAY);

/** Issues new tokens for the session and sets its user as the actor of the request. The session is the audited target. */
export async function issue(ctx: Context, sessionId: string, member: LockedMember | null): Promise<IssuedSession> {
  const issued = await issueTokens(ctx, sessionId, member);
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
export async function issueTokens(
  ctx: Context,
  sessionId: string,
  member: LockedMember | null,
): Promise<IssuedSession> {
  const refreshToken = newSecret('ambit_ref_');
  const { row, userId } = await readSession(ctx, sessionId, member);
  const tx = await db(ctx);
  const [actor] = await Promise.all([
    actorIn(tx, row, ctx.dependencies.clock()),
    tx
      .insert(refreshTokens)
      .values({ hash: hashSecret(refreshToken), sessionId, userId, issuedAt: ctx.dependencies.clock() }),
  ]);
  setActor(ctx, actor);
  const organizationId = actor.organization?.id ?? null;
  const expiresAt = new Date(ctx.dependencies.clock().getTime() + ctx.dependencies.config.accessTokenMinutes * MINUTE);
  const claims = claimsOf(sessionId, userId, organizationId);
  const accessToken = await ctx.dependencies.identity.keys.sign('access', claims, expiresAt);
  return { accessToken, refreshToken, expiresAt, organizationId };
}

/** The claims of the tokens of a session. */
export const claimsOf = (sessionId: string, userId: string, organizationId: string | null) => ({
  sub: toPublicId('usr', userId),
  sid: toPublicId('ses', sessionId),
  ...(organizationId && { org: toPublicId('org', organizationId) }),
});

/**
 * Reads what the lookup of a session returns. The lookup itself must not be used here. It runs as another role, for which
 * Citus uses another connection to the worker. That one does not see the rows that this transaction has written.
 */
export async function readSession(
  ctx: Context,
  sessionId: string,
  member: LockedMember | null,
): Promise<{ row: Omit<CredentialRow, 'access_version' | 'version'>; userId: string }> {
  const tx = await db(ctx);
  const [[session], [organization]] = await Promise.all([
    tx
      .select({ ...getTableColumns(sessions), email: users.email, name: users.name, since: users.createdAt })
      .from(sessions)
      .innerJoin(users, eq(users.id, sessions.userId))
      .where(eq(sessions.id, sessionId)),
    member ? tx.select().from(organizations).where(eq(organizations.id, member.organizationId)) : [],
  ]);
  if (!session || session.organizationId !== (member?.organizationId ?? null)) throw membershipEnded();
  const row = {
    ...OF_SESSION,
    credential_id: session.id,
    access: 'WRITE' as const,
    expires_at: session.expiresAt.toISOString(),
    user_id: session.userId,
    email: session.email,
    name: session.name,
    user_created_at: session.since.toISOString(),
    organization_id: session.organizationId,
    slug: organization?.slug ?? '',
    organization_name: organization?.name ?? '',
    plan: organization?.plan ?? 'FREE',
    principal_id: member?.id ?? '',
  };
  return { row, userId: session.userId };
}

export const wrongCredentials = (message: string, path: string[] = []): AmbitError =>
  invalid(userError('WRONG_CREDENTIALS', path, message));
