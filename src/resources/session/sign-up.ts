import { z } from 'zod';
import { type Context, db, setTenant } from '../../context.ts';
import { findInvitationAcrossTenants, type InvitationSecret } from '../../identity/across-tenants.ts';
import { hashPassword } from '../../identity/password.ts';
import { takeSetupSecret } from '../../identity/setup-secret.ts';
import { rememberNetwork } from '../../identity/sign-in-limits.ts';
import { type AmbitError, invalid, userError } from '../../lib/errors.ts';
import { newId } from '../../lib/ids.ts';
import { email, parse, singleLine } from '../../lib/input.ts';
import { networkOf } from '../../lib/network.ts';
import { hashSecret, isSecret } from '../../lib/secret.ts';
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
  if (given.setupSecret == null) await requireInvitation(ctx, given);
  const passwordHash = await hashPassword(given.password);
  const userId = newId();
  setTenant(ctx, { organizationId: null, userId });
  const tx = await db(ctx);
  const isFirst = given.setupSecret != null;
  if (isFirst && !(await takeSetupSecret(tx, given.setupSecret ?? ''))) throw noSetup();
  const { email, name } = given;
  const createdAt = ctx.dependencies.clock();
  await Promise.all([
    tx.insert(users).values({ id: userId, email, name, mayCreateOrganizations: isFirst, createdAt }),
    tx.insert(passwords).values({ userId, hash: passwordHash }),
  ]);
  await rememberNetwork(ctx.dependencies.identity.limiter, given.email, ctx.address);
  return await beginSession(ctx, userId, null);
}

const findInvitation = async (ctx: Context, hash: string): Promise<InvitationSecret | null> =>
  findInvitationAcrossTenants(await ctx.dependencies.identity.lookups.ofSecret(hash), hash);

/** Requires a valid invitation to this address if sign-up is not open. Checks a given secret in any case. */
async function requireInvitation(ctx: Context, { invitationSecret, email: address }: Given): Promise<void> {
  if (invitationSecret == null) {
    if (ctx.dependencies.config.signUp === 'open') return;
    throw invalid(userError('REQUIRED', 'invitationSecret', INVITED));
  }
  const found = isSecret('ambit_inv_', invitationSecret)
    ? await findInvitation(ctx, hashSecret(invitationSecret))
    : null;
  const isValid = found !== null && new Date(found.expires_at) > ctx.dependencies.clock();
  if (!isValid || found.email.toLowerCase() !== address.toLowerCase())
    throw invalid(userError('NOT_FOUND', 'invitationSecret', NO_INVITATION));
}

const INVITED =
  'invitationSecret: this server creates accounts only for people with an invitation. Use the secret from the link in its e-mail.';
const NO_INVITATION =
  'invitationSecret: the invitation does not exist, has ended, or was sent to another address. Ask for a new one.';

const noSetup = (): AmbitError =>
  invalid(userError('NOT_FOUND', 'setupSecret', 'setupSecret: is not valid, or the server already has an account.'));
