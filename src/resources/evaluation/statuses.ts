import { isReported, settingsOf } from '../check/settings.ts';
import type { CheckToEvaluate } from './checks.ts';
import { parseLetters } from './letters.ts';
import type { Rubric } from './rubric.ts';
import { type Rules, rulesOf } from './rules.ts';
import type { Scope } from './scope.ts';
import { readStates, type State } from './statement.ts';

export const DAY = 86_400_000;

/** The state of a service before the evaluation, and the statuses that it should have. */
export interface Computed extends State {
  /** One letter for each given check: `P`, `F`, `X` for pending, or `-` if the check does not apply. */
  readonly statuses: string;
}

export interface Statuses {
  readonly states: readonly State[];
  readonly statusesOf: (state: State) => Computed;
}

/** Reads the states of services, and returns the function that computes the statuses of these checks for each of them. */
export async function readStatuses(
  scope: Scope,
  serviceIds: readonly string[],
  checks: readonly CheckToEvaluate[],
  { filters, frozenIds }: Rubric,
): Promise<Statuses> {
  const rules = rulesOf(checks, filters);
  const states = await readStates(scope, serviceIds, rules.conditions, frozenIds);
  return { states, statusesOf: (state) => ({ ...state, statuses: statusesOf(state, checks, rules, scope.now) }) };
}

/** The numbers of the conditions that the service meets. */
export const metBy = ({ met }: State): ReadonlySet<number> => new Set(met === '' ? [] : met.split(',').map(Number));

function statusesOf(state: State, checks: readonly CheckToEvaluate[], { matches, passes }: Rules, now: Date): string {
  const met = metBy(state);
  const matching = new Set<string>();
  for (const [id, rule] of matches) if (rule(met)) matching.add(id);
  // A report counts until it expires, also if the check did not apply or did not count in the meantime.
  const reported = parseLetters(state.reported);
  const statusOf = (check: CheckToEvaluate): string => {
    if (!check.filterIds.every((id) => matching.has(id))) return '-';
    if (isReported(check.type)) return reported.get(check.id) ?? 'X';
    const passed = check.type === 'RECENT_DEPLOY' ? isRecent(check, state, now) : passes.get(check.id)?.(met);
    return passed ? 'P' : 'F';
  };
  return checks.map(statusOf).join('');
}

/** The end of a recent deploy in milliseconds. Null without a deploy. */
export const endOfRecent = ({ settings }: CheckToEvaluate, { lastDeployAt }: State): number | null =>
  lastDeployAt === null ? null : lastDeployAt + settingsOf('RECENT_DEPLOY', settings).days * DAY;

function isRecent(check: CheckToEvaluate, state: State, now: Date): boolean {
  const end = endOfRecent(check, state);
  return end !== null && end > now.getTime();
}
