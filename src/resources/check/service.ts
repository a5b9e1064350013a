import { isDeepStrictEqual } from 'node:util';
import { audit, type Context } from '../../context.ts';
import type { Hooks } from '../../data/hooks.ts';
import { invalid, userError } from '../../lib/errors.ts';
import type { AuditedChange } from '../audit-event/table.ts';
import { deleteResults, lockResults } from '../evaluation/check-deletion.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import { refuseCategory } from './category-rules.ts';
import { lockAndReleaseCopies } from './copies.ts';
import { type RuleProblems, refuseEventRules } from './event-rules.ts';
import { refuseSettings } from './settings-rules.ts';
import { isEnabled } from './state.ts';
import type { checks } from './table.ts';

export type CheckRow = typeof checks.$inferSelect;

export const checkHooks: Hooks<CheckRow> = {
  beforeCreate: async (ctx, values, prepared: RuleProblems) => {
    refuseSettings(values as CheckRow);
    await refuseEventRules(ctx, values as CheckRow, null, prepared);
    return { ...values, ...enabledAtFirst(values) };
  },
  beforeUpdate: async (ctx, row, changes, prepared: RuleProblems) => {
    if (changes.settings || changes.definitionId !== undefined || changes.integrationId !== undefined) {
      refuseSettings({ ...row, ...changes });
      await refuseEventRules(ctx, { ...row, ...changes }, row, prepared);
    }
    await refuseCategory(ctx, row, changes.categoryId);
    return { ...changes, ...enabledNow(ctx, row, changes) };
  },
  sendAfterWrite: async (ctx, changes) => {
    const affected = changes.filter(({ before, after }) => affectsResults(before, after));
    if (affected.length > 0) await evaluateLater(ctx, { checkIds: affected.map(({ after }) => after.id) });
  },
  lockForDelete: lockResults,
  sendWithLock: lockAndReleaseCopies,
  beforeDelete: (ctx, _check, copies: readonly AuditedChange[]) => audit(ctx, { related: copies }),
  sendAfterDelete: async (ctx, { id }) => {
    await deleteResults(ctx, [id]);
    await evaluateLater(ctx, { checkIds: [] });
  },
};

/** The columns on which the results of a check, or the levels that follow from them, depend. */
const DECISIVE = [
  'settings',
  'definitionId',
  'filterId',
  'categoryId',
  'levelId',
  'passPending',
  'enabled',
  'enableOn',
] as const satisfies readonly (keyof CheckRow)[];

const affectsResults = (before: CheckRow | null, after: CheckRow): boolean =>
  before === null
    ? after.enabled || after.enableOn !== null
    : DECISIVE.some((key) => !isDeepStrictEqual(before[key], after[key]));

interface Enabling {
  enabled?: boolean | null | undefined;
  enableOn?: Date | null | undefined;
}

/** A check is enabled by default unless `enableOn` is given. */
function enabledAtFirst({ enabled, enableOn }: Enabling): { enabled: boolean; enableOn: Date | null } {
  refuseBoth({ enabled, enableOn });
  return { enabled: enabled ?? !enableOn, enableOn: enableOn ?? null };
}

/** A new value of `enabled` clears `enableOn`. A new value of `enableOn` disables the check until that time. */
function enabledNow(ctx: Context, before: CheckRow, change: Enabling): Partial<Pick<CheckRow, 'enabled' | 'enableOn'>> {
  refuseBoth(change);
  const { enabled, enableOn } = change;
  if (enableOn) return { enabled: false, enableOn };
  if (enableOn === null) return { enableOn, enabled: enabled ?? isEnabled(before, ctx.dependencies.clock()) };
  return typeof enabled === 'boolean' ? { enabled, enableOn: null } : {};
}

function refuseBoth({ enabled, enableOn }: Enabling): void {
  if (enabled && enableOn)
    throw invalid(userError('INVALID', 'enableOn', 'enableOn: cannot be combined with `enabled: true`.'));
}
