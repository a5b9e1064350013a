import { settingsOf } from '../check/settings.ts';
import { DAY } from './condition.ts';
import type { Rubric } from './rubric.ts';
import type { Computed } from './statement.ts';

/**
 * The next time in milliseconds at which a result of the service can change without a change of the service or the rubric.
 * Null if there is none. It can be too early, for example because of a check that does not apply.
 */
export function nextEvaluation(
  { lastDeployAt, nextExpiry }: Computed,
  { checks, nextEnabling }: Rubric,
  now: Date,
): number | null {
  const times = checks.flatMap(({ type, settings }) =>
    type === 'RECENT_DEPLOY' && lastDeployAt !== null
      ? [lastDeployAt + settingsOf('RECENT_DEPLOY', settings).days * DAY]
      : [],
  );
  const later = [...times, nextExpiry, nextEnabling?.getTime()].filter((time) => time != null && time > now.getTime());
  return later.length > 0 ? Math.min(...(later as number[])) : null;
}
