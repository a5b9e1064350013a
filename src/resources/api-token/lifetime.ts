import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { findOrganization } from '../organization/service.ts';
import { apiTokens } from './table.ts';

const DAY = 24 * 60 * 60 * 1000;

interface Lifetime {
  expiresAt: Date | null;
  /** When the maximum lifetime begins. Null if it does not apply. */
  lineageAt: Date | null;
}

/** When a token or key expires: at its own expiry, or at the end of the maximum lifetime. `ambit.find_token_actor` computes the same. */
export function expiryOf({ expiresAt, lineageAt }: Lifetime, maxDays: number | null): Date | null {
  const end = lineageAt && maxDays !== null ? lineageAt.getTime() + maxDays * DAY : Number.POSITIVE_INFINITY;
  const earliest = Math.min(expiresAt?.getTime() ?? Number.POSITIVE_INFINITY, end);
  return earliest === Number.POSITIVE_INFINITY ? null : new Date(earliest);
}

/** When it expires, with the current maximum of the organization. */
export const findExpiry = async (ctx: Context, lifetime: Lifetime): Promise<Date | null> =>
  expiryOf(lifetime, (await findOrganization(ctx, tenant(ctx)))?.apiTokenMaxDays ?? null);

const refused = (why: string): Error => invalid(userError('INVALID', 'expiresAt', `expiresAt: ${why}.`));

/** Whether the first expiry is later than the second. Null stands for no expiry. */
export const isLater = (one: Date | null, other: Date | null): boolean =>
  other !== null && (one === null || one > other);

export function requireFuture(ctx: Context, expiresAt: Date | null): void {
  if (expiresAt && expiresAt <= ctx.dependencies.clock()) throw refused('must be in the future');
}

/** Throws INVALID for an expiry in the past, or after the maximum lifetime of the organization. */
export async function requireLifetime(ctx: Context, { expiresAt, lineageAt }: Lifetime): Promise<void> {
  if (!expiresAt) return;
  requireFuture(ctx, expiresAt);
  const latest = await findExpiry(ctx, { expiresAt: null, lineageAt });
  if (latest && expiresAt > latest)
    throw refused(
      `must not be later than ${latest.toISOString()}, the maximum lifetime of API tokens in the organization`,
    );
}

/**
 * Throws INVALID if a token or key would expire later than the credential of the request. Otherwise a credential could
 * outlast its own expiry with the secret of another one.
 */
export function requireNotBeyondCredential(ctx: Context, expiresAt: Date | null): void {
  const { credential } = ctx.unit.actor;
  const own = credential && credential.kind !== 'SESSION' ? credential.expiresAt : null;
  if (own && isLater(expiresAt, own))
    throw refused(`must not be later than ${own.toISOString()}, when the credential of this request expires`);
}

/** The stored lifetime of a token or key. Null if it does not exist. */
export async function findLifetime(ctx: Context, id: string): Promise<Lifetime | null> {
  const [row] = await (await db(ctx))
    .select({ expiresAt: apiTokens.expiresAt, lineageAt: apiTokens.lineageAt })
    .from(apiTokens)
    .where(and(eq(apiTokens.organizationId, tenant(ctx)), eq(apiTokens.id, id)));
  return row ?? null;
}

/** Throws INVALID for an expiry after that of the token or key that created it. */
export async function requireNotBeyondCreator(
  ctx: Context,
  createdWithId: string | null,
  expiresAt: Date | null,
): Promise<void> {
  const creator = createdWithId === null ? null : await findLifetime(ctx, createdWithId);
  const end = creator && (await findExpiry(ctx, creator));
  if (end && isLater(expiresAt, end))
    throw refused(`must not be later than ${end.toISOString()}, when the credential that created it expires`);
}
