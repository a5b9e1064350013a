import { and, eq, gt, isNull, lte, or, type SQL } from 'drizzle-orm';
import { checks } from './table.ts';

const CHECK_STATES = ['ENABLED', 'UPCOMING', 'DISABLED'] as const;
export type CheckState = (typeof CHECK_STATES)[number];

type Enabling = Pick<typeof checks.$inferSelect, 'enabled' | 'enableOn'>;

/** A check counts if `enabled` is true or the time `enableOn` has passed. */
export const isEnabled = ({ enabled, enableOn }: Enabling, time: Date): boolean =>
  enabled || (enableOn !== null && enableOn <= time);

/** The same condition in SQL. */
export function enabledIs(enabled: boolean, time: Date): SQL {
  const on = or(eq(checks.enabled, true), lte(checks.enableOn, time));
  const off = and(eq(checks.enabled, false), or(isNull(checks.enableOn), gt(checks.enableOn, time)));
  return (enabled ? on : off) as SQL;
}

/** UPCOMING: the check is disabled until the time `enableOn`. */
export function stateOf(check: Enabling, time: Date): CheckState {
  if (isEnabled(check, time)) return 'ENABLED';
  return check.enableOn ? 'UPCOMING' : 'DISABLED';
}

/** The same condition in SQL. */
export function stateIs(state: CheckState, time: Date): SQL {
  if (state === 'ENABLED') return enabledIs(true, time);
  const when = state === 'UPCOMING' ? gt(checks.enableOn, time) : isNull(checks.enableOn);
  return and(eq(checks.enabled, false), when) as SQL;
}
