import type { Context } from '../../context.ts';
import type { Mail } from '../../lib/mail.ts';
import type { Offer } from './offer.ts';
import { isOfProjects } from './permissions.ts';

/** The documents of the playground: an account for the invited address, if there is none, and then the acceptance. */
const documentFor = (email: string, secret: string): string => `# Run SignUp if you have no account, else SignIn.
# Then run Accept, with the header Authorization: Bearer ACCESS_TOKEN
# If Accept returns a session, use its token from then on.
mutation SignUp($name: String!, $password: String!) {
  signUp(
    input: {
      email: ${JSON.stringify(email)}
      name: $name
      password: $password
      invitationSecret: ${JSON.stringify(secret)}
    }
  ) {
    session { accessToken }
    errors { code message path }
  }
}

mutation SignIn($password: String!) {
  signIn(input: { email: ${JSON.stringify(email)}, password: $password }) {
    session { accessToken }
    errors { code message path }
  }
}

mutation Accept {
  acceptInvitation(input: { secret: ${JSON.stringify(secret)} }) {
    organization { id name }
    session { accessToken }
    errors { code message path }
  }
}`;

/** The page that accepts the invitation. Defaults to the playground with the mutations. */
function linkOf({ dependencies: { config } }: Context, email: string, secret: string): string {
  const link = new URL(config.invitationUrl ?? `${config.publicUrl}/graphql`);
  link.searchParams.set('invitation', secret);
  if (!config.invitationUrl) link.searchParams.set('query', documentFor(email, secret));
  return link.href;
}

/**
 * A name that anybody can choose, as mail shows it: on one line, and without anything that a mail program
 * turns into a link. A space after each dot, colon, slash and @ ends a URL or an address. Characters that look like these
 * are folded first, and so are full stops of other scripts, which a browser takes as dots.
 */
export const plainName = (name: string): string => {
  const line = name
    .normalize('NFKC')
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[。｡．]/gu, '.')
    .replace(/["“”„«»]/gu, "'");
  return line.replace(/([.:/\\@])(?=\S)/gu, '$1 ').trim();
};

const quotedName = (name: string): string => `"${plainName(name)}"`;

/** The roles as lines: the organization role unless it is Guest, and the project roles. */
const rolesOf = ({ role, projectRoles }: Offer): string[] => [
  ...(isOfProjects({ roleId: role.id, projectRoles }) ? [] : [`Role in the organization: ${quotedName(role.name)}`]),
  ...projectRoles.map((own) => `Role in the project ${quotedName(own.projectName)}: ${quotedName(own.role.name)}`),
];

/** The only code that discloses the secret of an invitation: to the invited address, and not to the inviter. */
export function invitationMail(
  ctx: Context,
  { email, expiresAt }: { email: string; expiresAt: Date },
  offer: Offer,
  secret: string,
): Mail {
  const organization = ctx.unit.actor.organization?.name ?? '';
  const inviter = quotedName(ctx.unit.actor.user?.name ?? ctx.unit.actor.principal?.name ?? '');
  return {
    to: email,
    subject: `Invitation to ${plainName(organization)}`,
    text: [
      `${inviter} invites you to the organization ${quotedName(organization)}.`,
      rolesOf(offer).join('\n'),
      `Accept here, as ${email}:\n${linkOf(ctx, email, secret)}`,
      `The invitation expires on ${expiresAt.toUTCString()}. Only this address can accept it. If you did not expect it, ignore it.`,
    ].join('\n\n'),
  };
}
