import { and, eq, type SQL } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { rowsOf } from '../../data/rows.ts';
import type { Db } from '../../db/client.ts';
import { listPage, type Page, type PageArgs } from '../../db/page.ts';
import { inserterOf } from '../../db/writer.ts';
import type { Actor } from '../../identity/actor.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { auditEvents, type Outcome } from './table.ts';

export interface Attempt {
  action: string;
  permission: string | null;
  outcome: Outcome;
  reason: string | null;
  actor: Actor;
  organizationId: string;
}

const insert = inserterOf<AuditEventRow>(auditEvents);

/**
 * Adds one event for one mutation. Every value is a copy, because the event stays after its objects are deleted. The
 * statement has been sent to the database when this returns.
 */
export function recordEvent(own: Db, ctx: Context, attempt: Attempt): Promise<AuditEventRow> {
  const { actor, organizationId, action, permission, outcome, reason } = attempt;
  const { before, after, targetId } = ctx.unit.auditDraft;
  return insert(own, {
    organizationId,
    action,
    permission,
    outcome,
    reason,
    createdAt: ctx.dependencies.clock(),
    userId: actor.user?.id ?? null,
    actor: actor.user?.email ?? actor.principal?.name ?? 'anonymous',
    role: actor.grants?.role.name ?? null,
    credentialKind: actor.credential?.kind ?? 'NONE',
    credentialId: actor.credential?.id ?? null,
    targetId: targetId ?? null,
    before: outcome === 'ALLOWED' ? before : null,
    after: outcome === 'ALLOWED' ? after : null,
    requestId: ctx.requestId,
    address: ctx.address,
  });
}

export type AuditEventRow = typeof auditEvents.$inferSelect;

const rows = rowsOf(auditEvents, 'evt');

export const findAuditEvent = rows.find;

export interface AuditEventFilter {
  action?: string | null;
  outcome?: Outcome | null;
  userId?: string | null;
  targetId?: string | null;
}

/** Events in descending order of time. */
export async function listAuditEvents(
  ctx: Context,
  filter: AuditEventFilter,
  args: PageArgs,
): Promise<Page<AuditEventRow>> {
  const userId = filter.userId != null ? (fromPublicId('usr', filter.userId) ?? NOBODY) : null;
  const where = and(
    eq(auditEvents.organizationId, tenant(ctx)),
    filter.action != null ? eq(auditEvents.action, filter.action) : undefined,
    filter.outcome != null ? eq(auditEvents.outcome, filter.outcome) : undefined,
    userId ? eq(auditEvents.userId, userId) : undefined,
    filter.targetId != null ? eq(auditEvents.targetId, filter.targetId) : undefined,
  ) as SQL;
  const order = [{ column: auditEvents.id, key: (row: AuditEventRow) => row.id }];
  return await listPage<AuditEventRow>(
    await db(ctx),
    { reader: rows.reader, where, asked: [tenant(ctx), filter], order, descending: true },
    args,
  );
}

/** An id that is not the id of a user matches no event. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
