import { type Context, tenant } from '../../context.ts';
import { hashSecret, hintOf, newSecret, type SecretKind } from '../../lib/secret.ts';
import { requireUnchanged } from './current.ts';
import type { apiTokens } from './table.ts';

type Columns = typeof apiTokens.$inferInsert;

/** A new secret, and the columns of the API token or API key that the caller creates with it. */
export function newSecretColumns(ctx: Context, kind: SecretKind) {
  const secret = newSecret(kind);
  const now = ctx.dependencies.clock();
  const columns = {
    organizationId: tenant(ctx),
    hash: hashSecret(secret),
    hint: hintOf(secret),
    createdAt: now,
    updatedAt: now,
    createdById: ctx.unit.actor.principal?.id ?? null,
  } satisfies Partial<Columns>;
  return { secret, columns };
}

/**
 * The columns of what the token or key of the request creates. It is deleted with that token or key, and the maximum lifetime of
 * both begins at the same time. Null for a session. The row of the token or key must be locked until the new row is committed,
 * with `lock` or by the caller.
 */
export async function lineageColumns(
  ctx: Context,
  lock?: 'key share',
): Promise<{ createdWithId: string; lineageAt: Date | null } | null> {
  const creator = await requireUnchanged(ctx, lock);
  return creator && { createdWithId: creator.id, lineageAt: creator.lineageAt };
}
