import { and, eq, gt, isNull, lte, or, type SQL } from 'drizzle-orm';
import type { Context } from '../../context.ts';
import type { Hooks } from '../../data/hooks.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { checks } from './table.ts';

export type CheckRow = typeof checks.$inferSelect;

/** A check is enabled if `enabled` is true or the time `enableOn` has passed. */
export const isEnabled = ({ enabled, enableOn }: Pick<CheckRow, 'enabled' | 'enableOn'>, time: Date): boolean =>
  enabled || (enableOn !== null && enableOn <= time);

/** The same condition in SQL. */
export function enabledIs(enabled: boolean, time: Date): SQL {
  const on = or(eq(checks.enabled, true), lte(checks.enableOn, time));
  const off = and(eq(checks.enabled, false), or(isNull(checks.enableOn), gt(checks.enableOn, time)));
  return (enabled ? on : off) as SQL;
}

export const checkHooks: Hooks<CheckRow> = {
  beforeCreate: (_ctx, values) => ({ ...values, ...enabledAtFirst(values) }),
  beforeUpdate: (ctx, row, changes) => ({ ...changes, ...enabledNow(ctx, row, changes) }),
};

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
