import { and, eq, gt, isNull, lte, or, type SQL } from 'drizzle-orm';
import type { Context } from '../../context.ts';
import type { Hooks } from '../../data/hooks.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { checks } from './table.ts';

export type CheckRow = typeof checks.$inferSelect;

/** A check counts from `enableOn` on, even if nobody has enabled it. */
export const isEnabled = ({ enabled, enableOn }: CheckRow, time: Date): boolean =>
  enabled || (enableOn !== null && enableOn <= time);

/** The same in SQL. */
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

/** Enabled by default, unless a time is given. */
function enabledAtFirst({ enabled, enableOn }: Enabling): { enabled: boolean; enableOn: Date | null } {
  refuseBoth({ enabled, enableOn });
  return { enabled: enabled ?? !enableOn, enableOn: enableOn ?? null };
}

/** Enabling or disabling clears the time. Setting a time disables the check until then. */
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
