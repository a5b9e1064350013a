import { audit, type Context } from '../../context.ts';
import { drizzleOn } from '../../db/client.ts';
import { inTransaction } from '../../db/transaction.ts';
import { newWork } from '../../db/work.ts';
import { findMembershipsAcrossTenants, type Membership, type UserSecret } from '../../identity/across-tenants.ts';
import { ANONYMOUS } from '../../identity/actor.ts';
import { newId, toPublicId } from '../../lib/ids.ts';
import { describeError } from '../../lib/log.ts';
import { recordEvent } from '../audit-event/service.ts';

/** Maximum number of organizations whose audit log gets an event for one failed sign-in. */
const MAX_ORGANIZATIONS = 20;

/**
 * Logs a failed sign-in, and adds an event to the audit log of each organization of the account. The response does not
 * wait for the events, because its time would tell whether the account exists. The e-mail address is not logged, because
 * people also type their password there.
 */
export async function reportFailedSignIn(ctx: Context, user: UserSecret | null): Promise<void> {
  const { requestId, address, userAgent, dependencies } = ctx;
  const account = user && toPublicId('usr', user.id);
  const reason = user ? 'WRONG_PASSWORD' : 'UNKNOWN_ACCOUNT';
  dependencies.log({ level: 'warn', message: 'sign-in failed', requestId, user: account, reason, address, userAgent });
  const ofCaller = ctx.unit.actor.organization?.id;
  if (ofCaller) await nameTarget(ctx, user?.id ?? newId(), ofCaller);
  if (user)
    recordEvents(ctx, user.id, ofCaller).catch((error: unknown) =>
      dependencies.log({ level: 'error', requestId, error: describeError(error) }),
    );
}

const membershipsOf = (ctx: Context, userId: string): Promise<Membership[]> =>
  findMembershipsAcrossTenants(drizzleOn(ctx.dependencies.pool.sql), userId);

/**
 * In the organization of a signed-in caller, the refused mutation leaves an event. Adds the member to it. For an unknown
 * account, it takes the same time.
 */
async function nameTarget(ctx: Context, userId: string, organizationId: string): Promise<void> {
  const own = (await membershipsOf(ctx, userId)).find((membership) => membership.organization_id === organizationId);
  if (own) audit(ctx, { targetId: toPublicId('mem', own.principal_id) });
}

async function recordEvents(ctx: Context, userId: string, ofCaller: string | undefined): Promise<void> {
  const others = (await membershipsOf(ctx, userId)).filter(({ organization_id: id }) => id !== ofCaller);
  for (const membership of others.slice(0, MAX_ORGANIZATIONS)) await recordFailure(ctx, membership);
}

/** The actor of the event is anonymous, because the caller did not prove to be the member. The target is the member. */
async function recordFailure(ctx: Context, membership: Membership): Promise<void> {
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
