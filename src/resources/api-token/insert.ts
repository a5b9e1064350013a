import { type Context, tenant } from '../../context.ts';
import type { Credential } from '../../identity/actor.ts';
import { hashSecret, hintOf, newSecret, type SecretKind } from '../../lib/secret.ts';
import { findLifetime } from './lifetime.ts';
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

/** What a token or key creates ends with it, and the maximum lifetime of both counts from the same time. */
export async function lineageColumns(
  ctx: Context,
  { id }: Credential,
): Promise<{ madeWithId: string; lineageAt: Date | null }> {
  const maker = await findLifetime(ctx, id);
  return { madeWithId: id, lineageAt: maker?.lineageAt ?? null };
}
