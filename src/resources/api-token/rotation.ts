import { and, eq, isNull, lte, or } from 'drizzle-orm';
import { z } from 'zod';
import { type Context, db, tenant } from '../../context.ts';
import { addSecrets, removeSecrets } from '../../identity/secrets.ts';
import { AmbitError } from '../../lib/errors.ts';
import { hashSecret, hintOf, newSecret, type SecretKind } from '../../lib/secret.ts';
import { requireUnchanged } from './current.ts';
import { apiTokens } from './table.ts';

/** Maximum number of seconds for which the previous secret stays valid after a rotation. */
export const MAX_GRACE = 7 * 24 * 60 * 60;

/** By default, the previous secret is refused immediately. */
export const graceSeconds = z
  .int()
  .min(0)
  .max(MAX_GRACE)
  .nullish()
  .transform((seconds) => seconds ?? 0);

type Changes = Pick<Partial<typeof apiTokens.$inferInsert>, 'expiresAt' | 'lineageAt'>;

/**
 * Gives a token or key a new secret, and returns it. The previous secret stays valid for `grace` seconds. Throws CONFLICT
 * while the secret before that one is still valid, and if another request rotates the token or key at the same time.
 */
export async function rotateSecret(
  ctx: Context,
  kind: SecretKind,
  id: string,
  grace: number,
  changes: Changes = {},
): Promise<string> {
  const tx = await db(ctx);
  const now = ctx.dependencies.clock();
  // Otherwise a request with a secret that another rotation has just ended would get a valid one.
  await requireUnchanged(ctx, ctx.unit.actor.credential?.id === id ? 'update' : 'key share');
  const own = and(eq(apiTokens.organizationId, tenant(ctx)), eq(apiTokens.id, id));
  const [before] = await tx
    .select({ hash: apiTokens.hash, hint: apiTokens.hint, previousHash: apiTokens.previousHash })
    .from(apiTokens)
    .where(own);
  if (!before) throw conflict('was deleted');
  const secret = newSecret(kind);
  const previous =
    grace > 0
      ? { previousHash: before.hash, previousHint: before.hint, previousEndsAt: new Date(now.getTime() + grace * 1000) }
      : { previousHash: null, previousHint: null, previousEndsAt: null };
  const rotated = await tx
    .update(apiTokens)
    .set({ ...changes, ...previous, hash: hashSecret(secret), hint: hintOf(secret), updatedAt: now })
    // Of two requests at once, the second one waits for the row and then finds another hash.
    .where(and(own, eq(apiTokens.hash, before.hash), isRotatable(now)))
    .returning({ id: apiTokens.id });
  if (rotated.length === 0)
    throw conflict('is being rotated by another request, or its previous secret is still valid');
  const ended = [before.previousHash, grace > 0 ? null : before.hash].filter((hash) => hash !== null);
  await removeSecrets(tx, ended);
  await addSecrets(tx, tenant(ctx), [hashSecret(secret)]);
  return secret;
}

/** A third secret would end the first one before its time. */
const isRotatable = (now: Date) => or(isNull(apiTokens.previousEndsAt), lte(apiTokens.previousEndsAt, now));

const conflict = (why: string): AmbitError => new AmbitError('CONFLICT', `The credential ${why}. Nothing was changed.`);
