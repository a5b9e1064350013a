import { and, eq, lt } from 'drizzle-orm';
import { z } from 'zod';
import { audit, type Context, db, setTenant } from '../../context.ts';
import { drizzleOn } from '../../db/client.ts';
import { findMemberOrganizationsAcrossTenants, findUserByEmailAcrossTenants } from '../../identity/across-tenants.ts';
import { unauthenticated } from '../../identity/identity.ts';
import { verifyPassword } from '../../identity/password.ts';
import { countSignIn } from '../../identity/sign-in-limits.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { fromPublicId, newId, toPublicId } from '../../lib/ids.ts';
import { parse } from '../../lib/input.ts';
import type { AuditedChange } from '../audit-event/table.ts';
import { requireSession } from '../principal/access.ts';
import { reportFailedSignIn } from './failed-sign-in.ts';
import {
  beginSession,
  type IssuedSession,
  idleEnd,
  issue,
  type LockedMember,
  lockMember,
  wrongCredentials,
} from './issue.ts';
import { sessions } from './table.ts';

/** The input of a sign-in. */
export const SignIn = z.object({
  email: z.string().max(254),
  password: z.string().max(256),
  organizationSlug: z.string().max(63).nullish(),
});

export async function signIn(ctx: Context, input: unknown): Promise<IssuedSession> {
  const given = parse(SignIn, input);
  const userId = await checkPassword(ctx, given);
  const organizationId = await chooseOrganization(ctx, userId, given.organizationSlug ?? null);
  const member = await enterOrganization(ctx, organizationId, userId);
  return await beginSession(ctx, userId, member);
}

/**
 * Counts the attempt, and returns the ID of the user. Throws WRONG_CREDENTIALS. An unknown address and a wrong password take
 * the same time and get the same response.
 */
export async function checkPassword(
  ctx: Context,
  { email, password }: Pick<z.output<typeof SignIn>, 'email' | 'password'>,
): Promise<string> {
  // Folded once, so that rate limit and lookup use the same text: PostgreSQL folds İ to i, JavaScript does not.
  const account = email.trim().toLowerCase();
  const counted = await countSignIn(ctx.dependencies.identity.limiter, account, ctx.address);
  const pool = drizzleOn(ctx.dependencies.pool.sql);
  const user = await findUserByEmailAcrossTenants(pool, account);
  const right = await verifyPassword(password, user?.password_hash ?? null);
  if (!user || !right) {
    reportFailedSignIn(ctx, user);
    throw wrongCredentials('The e-mail address or the password is wrong.');
  }
  await counted.succeed();
  return user.id;
}

/** Binds the transaction to the user and the organization, and deletes the expired sessions of the user. */
export async function enterOrganization(
  ctx: Context,
  organizationId: string | null,
  userId: string,
): Promise<LockedMember | null> {
  setTenant(ctx, { organizationId, userId });
  const member = organizationId === null ? null : await lockMember(ctx, organizationId, userId);
  await (await db(ctx))
    .delete(sessions)
    .where(and(eq(sessions.userId, userId), lt(sessions.expiresAt, ctx.dependencies.clock())));
  return member;
}

/** The requested organization. Defaults to the one that the user joined first. */
export async function chooseOrganization(ctx: Context, userId: string, slug: string | null): Promise<string | null> {
  const organizations = await findMemberOrganizationsAcrossTenants(drizzleOn(ctx.dependencies.pool.sql), userId);
  if (slug === null) return organizations[0]?.organization_id ?? null;
  const chosen = organizations.find((organization) => organization.slug === slug);
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

/** Binds the session to another organization and revokes its earlier tokens. */
export async function switchOrganization(ctx: Context, input: { organizationId: string }): Promise<IssuedSession> {
  const { sessionId, userId } = requireSession(ctx);
  const moving = { sessionId, userId, organizationId: input.organizationId, expiresAt: idleEnd(ctx) };
  const { moved, member, ended } = await moveSession(ctx, moving);
  const issued = await issue(ctx, moved.id, member);
  // The transaction and its event belong to the former organization.
  const { targetId, after } = ctx.unit.auditDraft as { targetId: string; after: unknown };
  audit(ctx, { targetId, before: null, after, related: [ended], organizationId: undefined });
  return issued;
}

interface Moving {
  sessionId: string;
  userId: string;
  /** The public ID of the other organization. */
  organizationId: string;
  /** When the session ends there. Defaults to its end here. */
  expiresAt?: Date;
}

interface Moved {
  moved: typeof sessions.$inferSelect;
  member: LockedMember;
  /** The former session, for the audit event. */
  ended: AuditedChange;
}

/** Replaces the session with one in another organization. The transaction is bound to that organization afterwards. */
export async function moveSession(
  ctx: Context,
  { sessionId, userId, organizationId, expiresAt }: Moving,
): Promise<Moved> {
  const wanted = fromPublicId('org', organizationId);
  const tx = await db(ctx);
  const organizations = await findMemberOrganizationsAcrossTenants(tx, userId);
  const target = organizations.find((organization) => organization.organization_id === wanted);
  if (!target)
    throw invalid(
      userError('NOT_FOUND', 'organizationId', 'organizationId: you are not a member of an organization with this ID.'),
    );
  const member = await lockMember(ctx, target.organization_id, userId);
  // With a new ID, so that earlier tokens stay invalid when the session returns to an organization.
  const [former] = await tx.delete(sessions).where(eq(sessions.id, sessionId)).returning();
  if (!former) throw unauthenticated();
  const moved = {
    ...former,
    id: newId(),
    organizationId: target.organization_id,
    expiresAt: expiresAt ?? former.expiresAt,
  };
  await tx.insert(sessions).values(moved);
  const targetId = toPublicId('ses', sessionId);
  const from = former.organizationId && toPublicId('org', former.organizationId);
  return { moved, member, ended: { targetId, before: { id: targetId, organizationId: from }, after: null } };
}
