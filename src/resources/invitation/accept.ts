import { and, eq, isNull } from 'drizzle-orm';
import { audit, type Context, db, setActor, setDryRun, setTenant, tenant } from '../../context.ts';
import { AmbitError } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { requireSession } from '../principal/access.ts';
import type { AccessChanged } from '../principal/change-access.ts';
import { type IssuedSession, issueTokens, type LockedMember, sessionShown } from '../session/issue.ts';
import { sessions } from '../session/table.ts';
import { findBySecret, noInvitation, sameAddress } from './find.ts';
import { type JoinedOrganization, join } from './join.ts';
import { invitationShown, takeInvitation } from './service.ts';

export interface AcceptedInvitation extends JoinedOrganization {
  /** The new tokens of the session, if it was bound to the organization. */
  session: IssuedSession | null;
}

interface AcceptInput {
  secret: string;
  dryRun?: boolean | null | undefined;
}

/** Without the usage of the organization, which the person has not joined. */
const planRequired = (): AmbitError =>
  new AmbitError(
    'PLAN_REQUIRED',
    'The plan of the organization does not include this invitation at the moment. Ask the person who invited you.',
    { entitlement: null, limit: null, usage: null, plan: null },
  );

/** The result of a dry run is null. */
export async function acceptInvitation(
  ctx: Context,
  { secret, dryRun }: AcceptInput,
): Promise<AccessChanged<AcceptedInvitation | null>> {
  const { userId, sessionId } = requireSession(ctx);
  const caller = ctx.unit.actor;
  const found = await findBySecret(ctx, secret);
  if (!found || !sameAddress(found.email, ctx.unit.actor.user?.email ?? '')) throw noInvitation();
  setTenant(ctx, { organizationId: found.organization_id, userId });
  return await withoutDetails(noInvitation(), async () => {
    const accepted = await join(ctx, userId, secret);
    if (!dryRun) {
      const { id } = accepted.result.member;
      const session = caller.organization ? null : await bindSession(ctx, sessionId, id);
      return { ...accepted, result: { ...accepted.result, session } };
    }
    setDryRun(ctx);
    // After a dry run, the organization is not visible, because the caller has not joined it.
    setActor(ctx, caller);
    return { ...accepted, result: null };
  });
}

/**
 * Joins the organization of an invitation as the new user of the request, in the transaction that creates the account.
 * Throws `otherwise` if the invitation is not valid.
 */
export const joinAsNewUser = (
  ctx: Context,
  userId: string,
  secret: string,
  otherwise: AmbitError,
): Promise<LockedMember> =>
  withoutDetails(otherwise, async () => {
    const { result } = await join(ctx, userId, secret);
    return { id: result.member.id, organizationId: result.organization.id };
  });

/** Replaces errors about the organization and the inviter, which the person cannot see. */
async function withoutDetails<T>(otherwise: AmbitError, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof AmbitError)) throw error;
    // The organization was deleted, or the inviter lacks the permission.
    if (error.code === 'NOT_FOUND' || error.code === 'FORBIDDEN') throw otherwise;
    if (error.code === 'PLAN_REQUIRED') throw planRequired();
    throw error.userErrors?.some(({ code }) => code === 'NOT_FOUND') ? otherwise : error;
  }
}

/**
 * Binds the session of a person without an organization to the one that they join. The session keeps its refresh tokens.
 * The organization is locked, so the member cannot be deleted at the same time.
 */
async function bindSession(ctx: Context, sessionId: string, memberId: string): Promise<IssuedSession | null> {
  const organizationId = tenant(ctx);
  const bound = await (await db(ctx))
    .update(sessions)
    .set({ organizationId })
    .where(and(eq(sessions.id, sessionId), isNull(sessions.organizationId)))
    .returning({ id: sessions.id });
  // Another request has bound it at the same time.
  if (bound.length === 0) return null;
  const issued = await issueTokens(ctx, sessionId, { id: memberId, organizationId });
  const before = { id: toPublicId('ses', sessionId), organizationId: null };
  audit(ctx, {
    related: [...(ctx.unit.auditDraft.related ?? []), { before, ...sessionShown(sessionId, organizationId) }],
  });
  return issued;
}

/** Requires only the secret, so that an invited person can decline without an account. */
export async function declineInvitation(ctx: Context, { secret }: { secret: string }): Promise<string> {
  const found = await findBySecret(ctx, secret);
  if (!found) throw noInvitation();
  setTenant(ctx, { organizationId: found.organization_id, userId: ctx.unit.actor.user?.id ?? null });
  const invitation = await takeInvitation(ctx, secret);
  if (!invitation) throw noInvitation();
  const before = await invitationShown(ctx, invitation);
  audit(ctx, { organizationId: found.organization_id, targetId: before.id, before, after: null });
  // The log of this organization must not contain the caller's roles in another one.
  setActor(ctx, { ...ctx.unit.actor, organization: null, principal: null, grants: null });
  return before.id;
}
