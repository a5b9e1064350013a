import { and, eq } from 'drizzle-orm';
import type { Db } from '../../db/client.ts';
import type { EventEvaluator } from '../../lib/event-rules/evaluator.ts';
import type { EventRules, PayloadOutcome } from '../../lib/event-rules/messages.ts';
import { settingsOf } from '../check/settings.ts';
import { checks } from '../check/table.ts';
import { counts, loadChecks } from '../evaluation/checks.ts';
import type { QueuedEvent } from './events.ts';

/** A check of type CUSTOM_EVENT. */
export interface EventCheck {
  readonly id: string;
  readonly name: string;
  readonly integrationId: string;
  readonly rules: EventRules;
}

/** The result of a check for the service with an alias. */
export interface AliasResult {
  readonly checkId: string;
  readonly alias: string;
  readonly status: 'PASSED' | 'FAILED';
  readonly message: string | null;
}

/** An event with the results that the checks of its integration give for it. */
export interface EvaluatedEvent {
  readonly id: string;
  readonly integrationId: string;
  readonly results: AliasResult[];
  /** One line for each error of a check. */
  readonly errors: string[];
}

/** The checks that events evaluate now. */
export async function loadEventChecks(db: Db, organizationId: string, now: Date): Promise<EventCheck[]> {
  const own = eq(checks.organizationId, organizationId);
  const [all, rows] = await Promise.all([
    loadChecks(db, organizationId),
    db
      .select({ id: checks.id, name: checks.name })
      .from(checks)
      .where(and(own, eq(checks.type, 'CUSTOM_EVENT')))
      .execute(),
  ]);
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  return all.flatMap((check) => {
    const { id, type, integrationId, settings } = check;
    if (type !== 'CUSTOM_EVENT' || integrationId === null || !counts(check, now)) return [];
    return [{ id, name: names.get(id) ?? '', integrationId, rules: settingsOf(type, settings) }];
  });
}

/**
 * Milliseconds of CPU time for the evaluation of one batch, and characters of what it yields. The process holds all of it, and
 * other organizations wait for its end. What other organizations evaluate meanwhile does not count.
 */
const BUDGET = { cpuMs: 20_000, characters: 20_000_000 };

/**
 * Milliseconds for the tasks of other organizations before one of the job. A job holds no transaction meanwhile. If it failed,
 * it would be retried only after a delay that grows with each retry.
 */
const MAX_WAIT = 300_000;

const EXCEEDED = 'Not evaluated, because the checks of the integration take too much time or memory for this payload.';

/**
 * Runs the rules of each check on the events of its integration. If that exceeds the budget, only the first event is evaluated,
 * as far as its own budget allows. So a result has at least one of the events, and the others remain queued.
 */
export async function evaluateEvents(
  evaluator: EventEvaluator,
  organizationId: string,
  events: readonly QueuedEvent[],
  checks: readonly EventCheck[],
  signal: AbortSignal,
  budget: typeof BUDGET = BUDGET,
): Promise<EvaluatedEvent[]> {
  const evaluated = events.map(
    ({ id, integrationId }): EvaluatedEvent => ({ id, integrationId, results: [], errors: [] }),
  );
  let [cpuMs, characters] = [0, 0];
  const onCpu = (milliseconds: number): void => {
    cpuMs += milliseconds;
  };
  for (const check of checks) {
    const own = [...events.keys()].filter((at) => events[at]?.integrationId === check.integrationId);
    if (own.length === 0) continue;
    signal.throwIfAborted();
    if (cpuMs > budget.cpuMs || characters > budget.characters) {
      if (events.length > 1)
        return await evaluateEvents(evaluator, organizationId, events.slice(0, 1), checks, signal, budget);
      evaluated[0]?.errors.push(`${check.name}: ${EXCEEDED}`);
      continue;
    }
    const payloads = own.map((at) => events[at]?.payload ?? 'null');
    const options = { maxWait: MAX_WAIT, signal, onCpu };
    const outcomes = await evaluator.evaluate(organizationId, check.rules, payloads, options);
    for (const [position, at] of own.entries())
      characters += add(evaluated[at] as EvaluatedEvent, check, outcomes[position] as PayloadOutcome);
  }
  return evaluated;
}

/** Characters that an object takes beside its texts. */
const OBJECT = 100;

/** Adds what a check says about an event. Returns its size in characters. */
function add({ results, errors }: EvaluatedEvent, { id, name }: EventCheck, outcome: PayloadOutcome): number {
  if ('error' in outcome) {
    errors.push(`${name}: ${outcome.error}`);
    return OBJECT;
  }
  let characters = 0;
  for (const service of outcome.services) {
    const text = 'error' in service ? service.error : service.message;
    characters += OBJECT + service.alias.length + (text?.length ?? 0);
    if ('error' in service) errors.push(`${name}: ${service.alias}: ${service.error}`);
    else results.push({ checkId: id, ...service });
  }
  return characters;
}
