import type { Role } from '../../access/model.ts';
import type { Context } from '../../context.ts';
import type { Mail } from '../../lib/mail.ts';

const ACCEPT = (secret: string): string => `# Sign in or sign up first, with the address that was invited.
mutation {
  acceptInvitation(input: { secret: "${secret}" }) { organization { id name } errors { code message } }
}`;

/** The page that accepts the invitation. Defaults to the playground with the mutation. */
function linkOf({ dependencies: { config } }: Context, secret: string): string {
  const link = new URL(config.invitationUrl ?? `${config.publicUrl}/graphql`);
  link.searchParams.set('invitation', secret);
  if (!config.invitationUrl) link.searchParams.set('query', ACCEPT(secret));
  return link.href;
}

/** The only code that discloses the secret of an invitation: to the invited address, and not to the inviter. */
export function invitationMail(
  ctx: Context,
  { email, expiresAt }: { email: string; expiresAt: Date },
  role: Role,
  secret: string,
): Mail {
  const organization = ctx.unit.actor.organization?.name ?? '';
  const inviter = ctx.unit.actor.user?.name ?? ctx.unit.actor.principal?.name ?? '';
  return {
    to: email,
    subject: `Invitation to ${organization}`,
    text: [
      `${inviter} invites you to ${organization}, with the role ${role.name}.`,
      `Accept here, as ${email}:\n${linkOf(ctx, secret)}`,
      `The invitation expires on ${expiresAt.toUTCString()}. Only this address can accept it. If you did not expect it, ignore it.`,
    ].join('\n\n'),
  };
}
