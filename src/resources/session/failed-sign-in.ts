import type { Context } from '../../context.ts';
import { drizzleOn } from '../../db/client.ts';
import { inTransaction } from '../../db/transaction.ts';
import { newWork } from '../../db/work.ts';
import {
  findMemberOrganizationsAcrossTenants,
  findUserByEmailAcrossTenants,
  type MemberOrganization,
  type UserSecret,
} from '../../identity/across-tenants.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { describeError } from '../../lib/log.ts';
import { recordEvent } from '../audit-event/service.ts';

/** Maximum number of organizations whose audit log gets an event for one failed sign-in. */
const MAX_ORGANIZATIONS = 20;

/**
 * Logs a failed sign-in, and adds an event to the audit log of each organization of the account. In the organization of the
 * caller, the refusal of the mutation already leaves one. The response does not wait for the events, because its time would
 * tell whether the account exists. The e-mail address is not logged, because people also type their password there.
 */
export function reportFailedSignIn(ctx: Context, user: UserSecret | null): void {
  const { requestId, address, userAgent, dependencies } = ctx;
  const account = user && toPublicId('usr', user.id);
  const reason = user ? 'WRONG_PASSWORD' : 'UNKNOWN_ACCOUNT';
  const entry = { requestId, user: account, reason, ipAddress: address, userAgent };
  dependencies.log({ level: 'warn', message: 'sign-in failed', ...entry });
  if (user)
    recordEvents(ctx, user.id, ctx.unit.actor.organization?.id).catch((error: unknown) =>
      dependencies.log({ level: 'error', requestId, error: describeError(error) }),
    );
}

async function recordEvents(ctx: Context, userId: string, ofCaller: string | undefined): Promise<void> {
  const memberships = await findMemberOrganizationsAcrossTenants(drizzleOn(ctx.dependencies.pool.sql), userId);
  const others = memberships.filter((membership) => membership.organization_id !== ofCaller);
  for (const membership of others.slice(0, MAX_ORGANIZATIONS)) await recordFailure(ctx, membership);
}

/**
 * The public ID of the member of the caller's organization with this e-mail address: the target of a failed sign-in by an
 * authenticated caller. The lookups are the same for an unknown address, so that their time does not tell that it is one.
 */
export async function findSignInTarget(ctx: Context, { email }: Record<string, unknown>): Promise<string | null> {
  const pool = drizzleOn(ctx.dependencies.pool.sql);
  const user = await findUserByEmailAcrossTenants(pool, String(email).trim().toLowerCase());
  const memberships = await findMemberOrganizationsAcrossTenants(pool, user?.id ?? newId());
  const here = memberships.find((membership) => membership.organization_id === ctx.unit.actor.organization?.id);
  return here ? toPublicId('mem', here.principal_id) : null;
}

/** The actor of the event is anonymous, because the caller did not prove to be the member. The target is the member. */
async function recordFailure(ctx: Context, membership: MemberOrganization): Promise<void> {
  const { organization_id: organizationId, principal_id: principalId } = membership;
  const auditDraft = { targetId: toPublicId('mem', principalId) };
  const attempt = { action: 'signIn', permission: null, outcome: 'REFUSED', reason: 'WRONG_CREDENTIALS' } as const;
  await inTransaction(
    ctx.dependencies.pool,
    { organizationId, userId: null },
    (own) =>
      recordEvent(own, { ...ctx, unit: { ...ctx.unit, auditDraft } }, { ...attempt, actor: ANONYMOUS, organizationId }),
    'read write',
    newWork(),
  );
}
