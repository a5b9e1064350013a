import { z } from 'zod';
import { audit, type Context, db, setActor, setTenant } from '../../context.ts';
import type { InvitationSecret } from '../../identity/across-tenants.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { hashPassword } from '../../identity/password.ts';
import { takeSetupSecret } from '../../identity/setup-secret.ts';
import { rememberNetwork } from '../../identity/sign-in-limits.ts';
import { type AmbitError, invalid, userError } from '../../lib/errors.ts';
import { newId } from '../../lib/ids.ts';
import { email, parse, singleLine } from '../../lib/input.ts';
import { networkOf } from '../../lib/network.ts';
import { joinAsNewUser } from '../invitation/accept.ts';
import { findFor, noInvitation } from '../invitation/find.ts';
import { passwords, users } from '../user/table.ts';
import { beginSession, type IssuedSession } from './issue.ts';

// The strength of a password is its length. 8 is the minimum of NIST SP 800-63B.
export const newPassword = z.string().min(8).max(256);

const SignUp = z.object({
  email,
  password: newPassword,
  name: singleLine(100),
  invitationSecret: z.string().nullish(),
  setupSecret: z.string().nullish(),
});

type Given = z.output<typeof SignUp>;

export async function signUp(ctx: Context, input: unknown): Promise<IssuedSession> {
  const given = parse(SignUp, input);
  await ctx.dependencies.identity.limiter.consume('attemptsPerNetwork', networkOf(ctx.address));
  const isFirst = given.setupSecret != null;
  const invitation = isFirst ? null : await findInvitation(ctx, given);
  const passwordHash = await hashPassword(given.password);
  const { email, name } = given;
  const user = { id: newId(), email, name, createdAt: ctx.dependencies.clock() };
  setActor(ctx, { ...ANONYMOUS, user });
  setTenant(ctx, { organizationId: invitation?.organization_id ?? null, userId: user.id });
  const tx = await db(ctx);
  if (isFirst && !(await takeSetupSecret(tx, given.setupSecret ?? ''))) throw noSetup();
  await Promise.all([
    tx.insert(users).values({ ...user, mayCreateOrganizations: isFirst }),
    tx.insert(passwords).values({ userId: user.id, hash: passwordHash }),
  ]);
  const session = invitation
    ? await beginInvited(ctx, user.id, given.invitationSecret ?? '')
    : await beginSession(ctx, user.id, null);
  await rememberNetwork(ctx.dependencies.identity.limiter, email, ctx.address);
  return session;
}

/** Accepts the invitation, and begins a session in its organization. The member is the audited target. */
async function beginInvited(ctx: Context, userId: string, secret: string): Promise<IssuedSession> {
  const member = await joinAsNewUser(ctx, userId, secret, noInvitation('invitationSecret'));
  const { targetId, before, after, related = [] } = ctx.unit.auditDraft;
  const session = await beginSession(ctx, userId, member);
  const begun = { targetId: ctx.unit.auditDraft.targetId ?? '', before: null, after: ctx.unit.auditDraft.after };
  audit(ctx, { ...(targetId && { targetId }), before, after, related: [...related, begun] });
  return session;
}

/** The invitation with the given secret, which must be valid. A server whose sign-up is not open requires one. */
async function findInvitation(ctx: Context, { invitationSecret, email }: Given): Promise<InvitationSecret | null> {
  if (invitationSecret == null) {
    if (ctx.dependencies.config.signUp === 'open') return null;
    throw invalid(userError('REQUIRED', 'invitationSecret', INVITED));
  }
  const found = await findFor(ctx, invitationSecret, email);
  if (!found) throw noInvitation('invitationSecret');
  return found;
}

const INVITED =
  'invitationSecret: this server creates accounts only for people with an invitation. Use the secret from the link in its e-mail.';

const noSetup = (): AmbitError =>
  invalid(userError('NOT_FOUND', 'setupSecret', 'setupSecret: is not valid, or the server already has an account.'));
