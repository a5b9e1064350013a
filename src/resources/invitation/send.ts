import { afterCommit, type Context, enqueueJob, tenant } from '../../context.ts';
import type { Place } from '../../lib/encryption.ts';
import { hashSecret } from '../../lib/secret.ts';
import { invitationMail, mailIdOf } from './mail.ts';
import type { Offer } from './offer.ts';
import { isOfProjects } from './permissions.ts';
import type { invitations, MailStatus } from './table.ts';

export const placeOfSecret = (organizationId: string, id: string): Place => ({
  table: 'invitations',
  column: 'secret',
  row: [organizationId, id],
});

interface SecretColumns {
  hash: string;
  secret: string | null;
  mailStatus: MailStatus;
}

/** The columns of a new secret. A job needs the secret until the mail was sent. */
export function secretColumns(ctx: Context, id: string, secret: string): SecretColumns {
  const { mailer, encryption } = ctx.dependencies;
  const hash = hashSecret(secret);
  if (mailer.isLog) return { hash, secret: null, mailStatus: 'SENT' };
  const place = placeOfSecret(tenant(ctx), id);
  return { hash, secret: encryption.encrypt(secret, place), mailStatus: 'QUEUED' };
}

type Invitation = Pick<typeof invitations.$inferSelect, 'id' | 'email' | 'expiresAt'>;

/** Enqueues the mails in the transaction of the mutation. Without a mail server, logs them after COMMIT. */
export async function sendInvitations(
  ctx: Context,
  rows: readonly Invitation[],
  offer: Offer,
  secretOf: (row: Invitation) => string,
): Promise<void> {
  const { config, mailer } = ctx.dependencies;
  const organizationId = tenant(ctx);
  const mailIdIn = (row: Invitation): string => mailIdOf(hashSecret(secretOf(row)));
  if (!mailer.isLog) {
    const enqueue = (row: Invitation): Promise<void> =>
      enqueueJob(ctx, 'send-invitation', { organizationId, invitationId: row.id, mailId: mailIdIn(row) });
    await Promise.all(rows.map(enqueue));
    return;
  }
  const shown = shownBy(ctx, offer);
  const mails = rows.map((row) => invitationMail(config, { ...row, ...shown }, secretOf(row), mailIdIn(row)));
  void afterCommit(ctx, () => Promise.all(mails.map(mailer.send)));
}

/** The names that a mail shows, from the input and from the caller. */
const shownBy = ({ unit: { actor } }: Context, { role, projectRoles }: Offer) => ({
  organizationName: actor.organization?.name ?? '',
  inviterName: actor.user?.name ?? actor.principal?.name ?? '',
  roleName: isOfProjects({ roleId: role.id, projectRoles }) ? null : role.name,
  projectRoles: projectRoles.map((own) => ({ projectName: own.projectName, roleName: own.role.name })),
});
