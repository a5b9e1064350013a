import type { Rubric } from './rubric.ts';
import type { State } from './statement.ts';
import { endOfRecent } from './statuses.ts';

/**
 * Milliseconds after which a new service is evaluated again. A change of the rubric that is committed while the service is
 * being created is unknown to its first evaluation, and the job of the change does not see the service yet. The first one is
 * enough for the default time limit of requests, and the second one for the longest.
 */
const SETTLED = [60_000, 660_000] as const;

/**
 * The next time in milliseconds at which a result of the service can change without a change of the service or the rubric.
 * Null if there is none. It can be too early, for example because of a check that does not apply.
 */
export function nextEvaluation(state: State, { checks, nextEnabling }: Rubric, now: Date): number | null {
  const ends = checks.flatMap((check) => (check.type === 'RECENT_DEPLOY' ? [endOfRecent(check, state)] : []));
  const settled = SETTLED.map((milliseconds) => state.createdAt + milliseconds);
  const later = [...ends, ...settled, state.nextExpiry, nextEnabling?.getTime()].filter(
    (time) => time != null && time > now.getTime(),
  );
  return later.length > 0 ? Math.min(...(later as number[])) : null;
}
