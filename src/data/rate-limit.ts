import type { Context } from '../context.ts';
import { AmbitError } from '../lib/errors.ts';
import { networkOf } from '../lib/network.ts';

/** What a caller can create a limited number of in a period. */
export type Creation =
  | 'organizations'
  | 'projects'
  | 'roles'
  | 'policies'
  | 'apiTokens'
  | 'apiKeys'
  | 'integrations'
  | 'invitations';

/** Counts objects that the caller is about to create, for the caller and their organization. Throws RATE_LIMITED. */
export async function limitCreation(ctx: Context, what: Creation, count = 1): Promise<void> {
  const { limiter } = ctx.dependencies.identity;
  const { organization, user, principal } = ctx.unit.actor;
  await limiter.consume(`${what}PerPerson`, user?.id ?? principal?.id ?? '', count);
  if (what !== 'organizations' && organization) await limiter.consume(`${what}PerOrganization`, organization.id, count);
}

/**
 * Counts a mail to each recipient. Throws RATE_LIMITED. A mail that exceeds a limit of the sender is not counted for the
 * recipient. So one person or one network cannot use up the limit of a recipient.
 */
export async function limitMails(ctx: Context, recipients: readonly string[]): Promise<void> {
  const { limiter } = ctx.dependencies.identity;
  const { organization, user, principal } = ctx.unit.actor;
  const network = networkOf(ctx.address);
  const sender = user?.id ?? principal?.id ?? '';
  await limiter.consume('mailsPerNetwork', network, recipients.length);
  await Promise.all(
    recipients.map(async (recipient) => {
      await limiter.consume('mailsPerPersonAndRecipient', `${sender} ${recipient}`);
      await limiter.consume('mailsPerNetworkAndRecipient', `${network} ${recipient}`);
      await limiter.consume('mailsPerOrganizationAndRecipient', `${organization?.id ?? ''} ${recipient}`);
      await limiter.consume('mailsPerRecipient', recipient);
    }),
  );
}

/** Counts a reminder of a campaign, and its mail to each recipient. Returns the recipients that are below their limits. */
export async function limitReminder(ctx: Context, recipients: readonly string[]): Promise<ReadonlySet<string>> {
  const { limiter } = ctx.dependencies.identity;
  const organizationId = ctx.unit.actor.organization?.id ?? '';
  await limiter.consume('remindersPerOrganization', organizationId);
  const counted = recipients.map(async (recipient) => {
    try {
      await limiter.consume('mailsPerOrganizationAndRecipient', `${organizationId} ${recipient}`);
      await limiter.consume('mailsPerRecipient', recipient);
      return [recipient];
    } catch (error) {
      if (error instanceof AmbitError && error.code === 'RATE_LIMITED') return [];
      throw error;
    }
  });
  return new Set((await Promise.all(counted)).flat());
}
