import { and, eq, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { sendStatement } from '../../db/writer.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { AuditedChange } from '../audit-event/table.ts';
import { checks } from './table.ts';

/**
 * Clears the source of the copies of deleted checks, which remain in their campaigns. The sources are locked, so that they get
 * no further copies. Returns the changes for the audit event. Both statements share a round trip.
 */
export async function releaseCopies(ctx: Context, sourceIds: readonly string[]): Promise<AuditedChange[]> {
  const tx = await db(ctx);
  const { id, sourceCheckId } = checks;
  const copies = sql`${and(eq(checks.organizationId, tenant(ctx)), isAnyOf(sourceCheckId, sourceIds))}`;
  const [found] = await Promise.all([
    queryRows<{ id: string; source: string }>(
      tx,
      sql`select ${id}, ${sourceCheckId} as source from ${checks} where ${copies} order by ${id} for no key update`,
    ),
    sendStatement(tx, sql`update ${checks} set source_check_id = null where ${copies}`),
  ]);
  return found.map((copy) => ({
    targetId: toPublicId('chk', copy.id),
    before: { sourceCheckId: toPublicId('chk', copy.source) },
    after: { sourceCheckId: null },
  }));
}

/** The same for a check that is not locked yet. The lock shares the round trip too. */
export async function lockAndReleaseCopies(ctx: Context, sourceId: string): Promise<AuditedChange[]> {
  const own = and(eq(checks.organizationId, tenant(ctx)), eq(checks.id, sourceId));
  const locked = sendStatement(await db(ctx), sql`select ${checks.id} from ${checks} where ${own} for update`);
  const [changes] = await Promise.all([releaseCopies(ctx, [sourceId]), locked]);
  return changes;
}
