import { and, eq } from 'drizzle-orm';
import type { AccessDelta } from '../../access/change.ts';
import { addAccessChanges, type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import type { MaybePromise } from '../../lib/maybe-promise.ts';
import { ofVisibleKinds } from './service.ts';
import { principals } from './table.ts';

/**
 * Adds changes of access to the payload of the mutation, if it has `accessChanges`. Omits the changes of principals that the
 * caller cannot see. Otherwise a dry run would reveal their permissions.
 */
export async function reportAccessChanges(ctx: Context, compute: () => MaybePromise<AccessDelta[]>): Promise<void> {
  if (!ctx.unit.accessChanges) return;
  const changes = await compute();
  const visible = await visibleAmong(ctx, new Set(changes.map(({ principalId }) => principalId)));
  addAccessChanges(
    ctx,
    changes.filter(({ principalId }) => visible.has(principalId)),
  );
}

async function visibleAmong(ctx: Context, ids: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  if (ids.size === 0) return ids;
  const ofKinds = ofVisibleKinds(ctx);
  if (!ofKinds) return ids;
  const found = await (await db(ctx))
    .select({ id: principals.id })
    .from(principals)
    .where(and(eq(principals.organizationId, tenant(ctx)), isAnyOf(principals.id, ids), ofKinds));
  return new Set([...found.map(({ id }) => id), ctx.unit.actor.principal?.id ?? '']);
}
