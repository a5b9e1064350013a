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
 * What a token or key creates ends with it, and the maximum lifetime of both counts from the same time. Null for a session.
 * The row is locked, so that it cannot end earlier until the transaction that changes it sees what was created.
 */
export async function lineageColumns(ctx: Context): Promise<{ madeWithId: string; lineageAt: Date | null } | null> {
  const maker = await requireUnchanged(ctx, 'key share');
  return maker && { madeWithId: maker.id, lineageAt: maker.lineageAt };
}
