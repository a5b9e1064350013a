import { z } from 'zod';
import { refusal } from '../../access/access.ts';
import { audit, type Context, db, tenant } from '../../context.ts';
import { notFound } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import { parse } from '../../lib/input.ts';
import { findPrincipal } from '../principal/service.ts';
import { requireHeldOf, type TokenWithSecret } from './create.ts';
import {
  findExpiry,
  isLater,
  requireFuture,
  requireLifetime,
  requireNotBeyondCreator,
  requireNotBeyondCredential,
} from './lifetime.ts';
import { isWithinLimits } from './limits.ts';
import { endLineage } from './lineage.ts';
import { graceSeconds, rotateSecret } from './rotation.ts';
import { type ApiTokenRow, findApiToken, isOwnToken, readApiToken, snapshotOf } from './service.ts';

const Rotate = z.object({ graceSeconds, expiresAt: z.date().nullish() });

/** Gives a token another secret. Only the response contains it. */
export async function rotateApiToken(ctx: Context, id: string, input: unknown): Promise<TokenWithSecret> {
  const { graceSeconds: grace, expiresAt } = parse(Rotate, input);
  const token = await findApiToken(ctx, id);
  if (!token) throw notFound('ApiToken');
  await requireMayRotate(ctx, token);
  const lifetime = {
    expiresAt: expiresAt === undefined ? token.expiresAt : expiresAt,
    lineageAt: mayRenew(ctx, token) ? ctx.dependencies.clock() : token.lineageAt,
  };
  // An expiry that stays may be later than a maximum that was set afterwards.
  if (expiresAt !== undefined) await requireLifetime(ctx, lifetime);
  await requireMayLast(ctx, token, lifetime);
  const before = await snapshotOf(ctx, token);
  const secret = await rotateSecret(ctx, 'ambit_pat_', id, grace, lifetime);
  if (lifetime.expiresAt) await endLineage(await db(ctx), tenant(ctx), id, lifetime.expiresAt);
  const apiToken = await readApiToken(ctx, id);
  audit(ctx, { targetId: toPublicId('tok', id), before, after: await snapshotOf(ctx, apiToken) });
  return { apiToken, secret };
}

/**
 * The response contains a secret, so only who could create the token may rotate it: its member, the service account
 * itself, and who holds all that the service account holds.
 */
async function requireMayRotate(ctx: Context, token: ApiTokenRow): Promise<void> {
  const { credential } = ctx.unit.actor;
  if (token.id === credential?.id) return;
  const principal = await findPrincipal(ctx, token.principalId);
  if (principal?.userId) return requireOwnOrCreated(ctx, token);
  if (!isOwnToken(token, ctx)) {
    const { access } = ctx.unit;
    access.require('api_token:create');
    access.require('service_account:update');
    if (token.access === 'WRITE') access.require('api_token:grant_write');
    if (!principal || !access.can('service_account:read')) throw notFound('ApiToken');
    await requireHeldOf(ctx, principal, token);
  }
  if (!isWithinLimits(credential, token))
    throw refusal(
      'NOT_HELD',
      'The API token of this request is limited more than the one to rotate.',
      'Sign in to rotate it.',
    );
}

/** With the secret of another token, a token could outlast its own revocation. */
function requireOwnOrCreated(ctx: Context, token: ApiTokenRow): void {
  const { credential } = ctx.unit.actor;
  if (token.principalId !== ctx.unit.actor.principal?.id)
    throw refusal(
      'NOT_OWN',
      'Only the member that an API token acts for can rotate it, because the response contains its secret.',
      'Ask the member to rotate it, or revoke it with deleteApiToken.',
    );
  if (credential?.kind === 'API_TOKEN' && token.createdWithId !== credential.id)
    throw refusal(
      'SESSION_REQUIRED',
      'An API token can rotate only itself and tokens that were created with it.',
      'Sign in, and use the access token.',
    );
}

/** Whether the maximum lifetime counts anew: only for a signed-in person who could create the token. */
function mayRenew(ctx: Context, { access, createdWithId, lineageAt }: ApiTokenRow): boolean {
  const { actor, access: own } = ctx.unit;
  return (
    actor.credential?.kind === 'SESSION' &&
    createdWithId === null &&
    lineageAt !== null &&
    own.can('api_token:create') &&
    (access === 'READ' || own.can('api_token:grant_write'))
  );
}

/** Throws if the token would last longer than the caller could let a new one last. */
async function requireMayLast(
  ctx: Context,
  token: ApiTokenRow,
  lifetime: Pick<ApiTokenRow, 'expiresAt' | 'lineageAt'>,
): Promise<void> {
  const [before, after] = [await findExpiry(ctx, token), await findExpiry(ctx, lifetime)];
  requireFuture(ctx, after);
  requireNotBeyondCredential(ctx, after);
  if (isLater(after, before)) {
    ctx.unit.access.require('api_token:create');
    if (token.access === 'WRITE') ctx.unit.access.require('api_token:grant_write');
  }
  await requireNotBeyondCreator(ctx, token.createdWithId, after);
}
