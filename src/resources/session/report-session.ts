import { and, eq } from 'drizzle-orm';
import {
  audit,
  beginMutation,
  type Context,
  db,
  endMutation,
  runAndCommit,
  setActor,
  setTenant,
} from '../../context.ts';
import { drizzleOn } from '../../db/client.ts';
import { findMembershipsAcrossTenants } from '../../identity/across-tenants.ts';
import type { Actor } from '../../identity/actor.ts';
import { actorIn } from '../../identity/actors.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { parse } from '../../lib/input.ts';
import { recordEvent } from '../audit-event/service.ts';
import { claimsOf, insertSession, type LockedMember, readSession, sessionShown } from './issue.ts';
import { checkPassword, chooseOrganization, enterOrganization, moveSession, SignIn } from './sign-in.ts';
import { sessions } from './table.ts';

/** Milliseconds after which a session of the reports ends, however much it is used. It cannot be refreshed. */
const LIFETIME = 12 * 3_600_000;

/** A session that opens the reports only. */
export interface ReportSession {
  /** The value of the cookie. It is not valid in the header Authorization. */
  token: string;
  expiresAt: Date;
  userId: string;
}

/** The session of the request, which the caller of these functions has authenticated. */
export interface CurrentReportSession {
  sessionId: string;
  userId: string;
  actor: Actor;
}

/**
 * Signs in as `signIn` does, with the same limits and events, and ends the former session of the browser. The session has no
 * refresh token. A person without an organization cannot sign in, because every report belongs to one.
 */
export async function signInToReports(
  ctx: Context,
  input: { email: string; password: string },
  former: CurrentReportSession | null,
): Promise<ReportSession> {
  await beginMutation(ctx, null);
  const session = await inMutation(ctx, async () => {
    const userId = await checkPassword(ctx, parse(SignIn, input));
    const organizationId = await chooseOrganization(ctx, userId, null);
    const member = organizationId === null ? null : await enterOrganization(ctx, organizationId, userId);
    if (!member) throw invalid(userError('NOT_FOUND', [], NO_ORGANIZATION));
    const expiresAt = new Date(ctx.dependencies.clock().getTime() + LIFETIME);
    const session = await issue(ctx, await insertSession(ctx, userId, member, expiresAt), member, expiresAt);
    await record(ctx, 'signIn', ctx.unit.actor);
    return session;
  });
  // In a transaction of its own: the session can belong to another person, whose rows the first transaction must not access.
  if (former) await signOutOfReports(ctx, former);
  return session;
}

const NO_ORGANIZATION = 'Your account belongs to no organization. Accept an invitation first.';

/** Replaces the session with one in another organization of the person. It ends when the replaced one would have ended. */
export async function switchReportOrganization(
  ctx: Context,
  { sessionId, userId, actor }: CurrentReportSession,
  organizationId: string,
): Promise<ReportSession> {
  return await inMutationOf(ctx, actor, async () => {
    const { moved, member, ended } = await moveSession(ctx, { sessionId, userId, organizationId });
    const session = await issue(ctx, moved.id, member, moved.expiresAt);
    audit(ctx, { before: null, related: [ended] });
    await record(ctx, 'switchOrganization', actor);
    return session;
  });
}

/** Ends the session, as `signOut` does. */
export async function signOutOfReports(
  ctx: Context,
  { sessionId, userId, actor }: CurrentReportSession,
): Promise<void> {
  await inMutationOf(ctx, actor, async () => {
    const ended = await (await db(ctx))
      .delete(sessions)
      .where(and(eq(sessions.id, sessionId), eq(sessions.userId, userId)))
      .returning({ id: sessions.id });
    // Another request has just ended it.
    if (ended.length === 0) return;
    const targetId = toPublicId('ses', sessionId);
    audit(ctx, { targetId, before: { id: targetId }, after: null });
    await record(ctx, 'signOut', actor);
  });
}

/** An organization that the person can choose. */
export interface OfferedOrganization {
  id: string;
  name: string;
}

/** The organizations of the person, in the order of joining. */
export async function listOwnOrganizations(ctx: Context, userId: string): Promise<OfferedOrganization[]> {
  const memberships = await findMembershipsAcrossTenants(drizzleOn(ctx.dependencies.pool.sql), userId);
  return memberships.map(({ organization_id, name }) => ({ id: toPublicId('org', organization_id), name }));
}

/** A transaction that writes, bound to the person. The credential itself allows reading only. */
async function inMutationOf<T>(ctx: Context, { organization, user }: Actor, run: () => Promise<T>): Promise<T> {
  await beginMutation(ctx, null);
  setTenant(ctx, { organizationId: organization?.id ?? null, userId: user?.id ?? null });
  return await inMutation(ctx, run);
}

async function inMutation<T>(ctx: Context, run: () => Promise<T>): Promise<T> {
  try {
    return await runAndCommit(ctx, run);
  } finally {
    endMutation(ctx);
  }
}

/** The event belongs to the organization of the actor. */
async function record(ctx: Context, action: string, actor: Actor): Promise<void> {
  const organizationId = actor.organization?.id;
  if (!organizationId) return;
  const tx = await db(ctx);
  await (await ctx.unit.transaction)?.rebind(organizationId);
  await recordEvent(tx, ctx, { action, permission: null, outcome: 'ALLOWED', reason: null, actor, organizationId });
}

/** Signs the token of the session and sets its user as the actor. The session is the audited target. */
async function issue(ctx: Context, sessionId: string, member: LockedMember, expiresAt: Date): Promise<ReportSession> {
  const { row, userId } = await readSession(ctx, sessionId, member);
  setActor(ctx, await actorIn(await db(ctx), row, ctx.dependencies.clock()));
  const { targetId, after } = sessionShown(sessionId, member.organizationId);
  audit(ctx, { targetId, after: { ...after, opens: 'REPORTS' } });
  const claims = claimsOf(sessionId, userId, member.organizationId);
  return { token: await ctx.dependencies.identity.keys.sign('reports', claims, expiresAt), expiresAt, userId };
}
