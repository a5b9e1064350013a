import { canOnSome } from '../../access/access.ts';
import {
  type AuditDraft,
  audit,
  beginMutation,
  type Context,
  db,
  endMutation,
  endTransaction,
  runAfterCommit,
  setDryRun,
  unansweredOf,
} from '../../context.ts';
import { inTransaction } from '../../db/transaction.ts';
import type { AmbitError } from '../../lib/errors.ts';
import { MAX_RELATED, recordEvent } from '../../resources/audit-event/service.ts';
import type { AuditedChange } from '../../resources/audit-event/table.ts';

export const mayImport = ({ unit: { access } }: Context): boolean =>
  access.can('service:create') && canOnSome(access, 'service:update');

/** Throws FORBIDDEN unless the caller can create and update services. */
export function requireImport(ctx: Context): void {
  ctx.unit.access.require('service:create');
  if (!canOnSome(ctx.unit.access, 'service:update')) ctx.unit.access.require('service:update');
}

/** Adds the event of an import that is refused or begins. */
export async function recordImport(ctx: Context, error: AmbitError | null, input: object): Promise<void> {
  const { actor, binding } = ctx.unit;
  if (!actor.organization) return;
  const reason = error ? String(error.extensions['reason'] ?? error.code) : null;
  const attempt = { ...EVENT, outcome: error ? 'REFUSED' : 'ALLOWED', reason, actor, input } as const;
  const organizationId = actor.organization.id;
  await inTransaction(
    ctx.dependencies.pool,
    binding,
    (own) => recordEvent(own, ctx, { ...attempt, organizationId }),
    'read write',
    ctx.work,
  );
}

const EVENT = { action: 'importServices', permission: 'service:create' } as const;

/** Runs a step as a mutation: in one transaction, with its audit events, which are rolled back in a dry run. */
export async function inMutation<T>(
  ctx: Context,
  dryRun: boolean,
  step: (changes: AuditedChange[]) => Promise<T>,
): Promise<T> {
  const actor = await beginMutation(ctx, null);
  let how: 'commit' | 'rollback' = 'rollback';
  try {
    requireImport(ctx);
    if (dryRun) setDryRun(ctx);
    const changes: AuditedChange[] = [];
    const result = await step(changes);
    const organizationId = actor.organization?.id ?? '';
    const tx = await db(ctx);
    for (let at = 0; at < changes.length && !dryRun; at += MAX_RELATED + 1) {
      const [first, ...related] = changes.slice(at, at + MAX_RELATED + 1);
      audit(ctx, { ...(first as AuditDraft), related });
      await recordEvent(tx, ctx, { ...EVENT, outcome: 'ALLOWED', reason: null, actor, organizationId });
    }
    await Promise.all(unansweredOf(ctx));
    how = dryRun ? 'rollback' : 'commit';
    await endTransaction(ctx, how);
    await runAfterCommit(ctx, how);
    return result;
  } finally {
    await endTransaction(ctx, 'rollback').catch(() => undefined);
    if (how === 'rollback') await runAfterCommit(ctx, 'rollback');
    endMutation(ctx);
  }
}
