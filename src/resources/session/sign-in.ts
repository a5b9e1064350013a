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
import { requireSession } from '../principal/access.ts';
import { reportFailedSignIn } from './failed-sign-in.ts';
import { beginSession, type IssuedSession, idleEnd, issue, lockMember, wrongCredentials } from './issue.ts';
import { sessions } from './table.ts';

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
  const counted = await countSignIn(ctx.dependencies.identity.limiter, account, ctx.address);
  const pool = drizzleOn(ctx.dependencies.pool.sql);
  const user = await findUserByEmailAcrossTenants(pool, account);
  const right = await verifyPassword(given.password, user?.password_hash ?? null);
  if (!user || !right) {
    reportFailedSignIn(ctx, user);
    throw wrongCredentials('The e-mail address or the password is wrong.');
  }
  await counted.succeed();
  const organizationId = await chooseOrganization(ctx, user.id, given.organizationSlug ?? null);
  setTenant(ctx, { organizationId, userId: user.id });
  const member = organizationId === null ? null : await lockMember(ctx, organizationId, user.id);
  await (await db(ctx))
    .delete(sessions)
    .where(and(eq(sessions.userId, user.id), lt(sessions.expiresAt, ctx.dependencies.clock())));
  return await beginSession(ctx, user.id, member);
}

/** The requested organization. Defaults to the one that the user joined first. */
async function chooseOrganization(ctx: Context, userId: string, slug: string | null): Promise<string | null> {
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
  const { sessionId: session, userId } = requireSession(ctx);
  const wanted = fromPublicId('org', input.organizationId);
  const tx = await db(ctx);
  const organizations = await findMemberOrganizationsAcrossTenants(tx, userId);
  const target = organizations.find((organization) => organization.organization_id === wanted);
  if (!target)
    throw invalid(
      userError('NOT_FOUND', 'organizationId', 'organizationId: you are not a member of an organization with this ID.'),
    );
  const member = await lockMember(ctx, target.organization_id, userId);
  // With a new ID, so that earlier tokens stay invalid when the session returns to an organization.
  const [former] = await tx.delete(sessions).where(eq(sessions.id, session)).returning();
  if (!former) throw unauthenticated();
  const moved = { ...former, id: newId(), organizationId: target.organization_id, expiresAt: idleEnd(ctx) };
  await tx.insert(sessions).values(moved);
  const issued = await issue(ctx, moved.id, member);
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
