import { settingsOf } from '../check/settings.ts';
import { DAY } from './condition.ts';
import type { Rubric } from './rubric.ts';
import type { Computed } from './statement.ts';

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
export function nextEvaluation(
  { lastDeployAt, nextExpiry, createdAt }: Computed,
  { checks, nextEnabling }: Rubric,
  now: Date,
): number | null {
  const times = checks.flatMap(({ type, settings }) =>
    type === 'RECENT_DEPLOY' && lastDeployAt !== null
      ? [lastDeployAt + settingsOf('RECENT_DEPLOY', settings).days * DAY]
      : [],
  );
  const settled = SETTLED.map((milliseconds) => createdAt + milliseconds);
  const later = [...times, ...settled, nextExpiry, nextEnabling?.getTime()].filter(
    (time) => time != null && time > now.getTime(),
  );
  return later.length > 0 ? Math.min(...(later as number[])) : null;
}
