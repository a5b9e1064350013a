import { and, eq } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { AmbitError } from '../../lib/errors.ts';
import { apiTokens } from './table.ts';

const fields = {
  id: apiTokens.id,
  hash: apiTokens.hash,
  previousHash: apiTokens.previousHash,
  expiresAt: apiTokens.expiresAt,
  lineageAt: apiTokens.lineageAt,
  permissions: apiTokens.permissions,
  addresses: apiTokens.addresses,
};

type Limits = Pick<typeof apiTokens.$inferSelect, keyof typeof fields>;

/**
 * The API token or API key of the request as this transaction sees it. Null for a session. Throws CONFLICT if it was deleted or
 * changed since the request was authenticated, for example while the request waited for a lock. Otherwise the caller could give
 * permissions that it has lost.
 */
export async function requireUnchanged(ctx: Context, lock?: 'key share' | 'update'): Promise<Limits | null> {
  const { credential } = ctx.unit.actor;
  if (!credential || credential.kind === 'SESSION') return null;
  const query = (await db(ctx))
    .select(fields)
    .from(apiTokens)
    .where(and(eq(apiTokens.organizationId, tenant(ctx)), eq(apiTokens.id, credential.id)));
  const [row] = await (lock ? query.for(lock) : query);
  const endsEarlier = row?.expiresAt && (!credential.expiresAt || row.expiresAt < credential.expiresAt);
  // A secret that was replaced is the previous one at most.
  const isSame =
    row &&
    [row.hash, row.previousHash].includes(credential.hash) &&
    sameList(row.permissions, credential.permissions) &&
    sameList(row.addresses, credential.addresses);
  if (!isSame || endsEarlier) throw changed();
  return row;
}

const sameList = (one: readonly string[] | null, other: readonly string[] | null): boolean =>
  one === other || (one?.length === other?.length && one?.every((item, at) => item === other?.[at]) === true);

const changed = (): AmbitError =>
  new AmbitError(
    'CONFLICT',
    'The credential of this request was changed at the same time. Nothing was changed. Try again.',
  );
