import { createHash } from 'node:crypto';
import type { Config } from '../../config.ts';
import type { Mail } from '../../lib/mail.ts';
import { plainName, quotedName, renderMail } from '../../lib/mail-template.ts';

/** What the mail of an invitation shows. */
export interface MailedInvitation {
  email: string;
  expiresAt: Date;
  organizationName: string;
  inviterName: string;
  /** The organization role. Null for an invitation to projects only. */
  roleName: string | null;
  projectRoles: readonly { projectName: string; roleName: string }[];
}

/** The documents of the playground. Each of them accepts the invitation. */
const documentFor = (
  email: string,
  secret: string,
): string => `# Without an account, run SignUp: it also accepts the invitation.
# With an account, run SignIn, and then Accept with the header Authorization: Bearer ACCESS_TOKEN
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
    session { accessToken organization { id name } }
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

type Links = Pick<Config, 'invitationUrl' | 'publicUrl'>;

/** The page that accepts the invitation. Defaults to the playground with the mutations. */
function linkOf({ invitationUrl, publicUrl }: Links, email: string, secret: string): string {
  const link = new URL(invitationUrl ?? `${publicUrl}/graphql`);
  link.searchParams.set('invitation', secret);
  if (!invitationUrl) link.searchParams.set('query', documentFor(email, secret));
  return link.href;
}

/**
 * The ID of the mail with a secret: a UUID version 8 from a hash of the secret. So a mail that is sent again after a crash has
 * the same Message-ID, and a mail with a new secret has another one.
 */
export function mailIdOf(hash: string): string {
  const bytes = createHash('sha256').update(`mail ${hash}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The roles as lines. */
const rolesOf = ({ roleName, projectRoles }: MailedInvitation): string[] => [
  ...(roleName === null ? [] : [`Role in the organization: ${quotedName(roleName)}`]),
  ...projectRoles.map((own) => `Role in the project ${quotedName(own.projectName)}: ${quotedName(own.roleName)}`),
];

/** The only code that discloses the secret of an invitation: to the invited address, and not to the inviter. */
export function invitationMail(links: Links, invitation: MailedInvitation, secret: string, mailId: string): Mail {
  const { email, expiresAt, organizationName, inviterName } = invitation;
  const subject = `Invitation to ${plainName(organizationName)}`;
  const parts = [
    { lines: [`${quotedName(inviterName)} invites you to the organization ${quotedName(organizationName)}.`] },
    { lines: rolesOf(invitation) },
    { sentence: `Accept here, as ${email}`, label: 'Accept the invitation', href: linkOf(links, email, secret) },
    {
      lines: [
        `The invitation expires on ${expiresAt.toUTCString()}. Only this address can accept it. If you did not expect it, ignore it.`,
      ],
    },
  ];
  return {
    to: email,
    subject,
    ...renderMail(subject, parts),
    messageId: `${mailId}@${new URL(links.publicUrl).hostname}`,
  };
}
