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

/** Runs the rules of each check on the events of its integration. */
export async function evaluateEvents(
  evaluator: EventEvaluator,
  organizationId: string,
  events: readonly QueuedEvent[],
  checks: readonly EventCheck[],
  signal: AbortSignal,
): Promise<EvaluatedEvent[]> {
  const evaluated = events.map(
    ({ id, integrationId }): EvaluatedEvent => ({ id, integrationId, results: [], errors: [] }),
  );
  for (const check of checks) {
    const own = [...events.keys()].filter((at) => events[at]?.integrationId === check.integrationId);
    if (own.length === 0) continue;
    signal.throwIfAborted();
    const payloads = own.map((at) => events[at]?.payload ?? 'null');
    const outcomes = await evaluator.evaluate(organizationId, check.rules, payloads);
    for (const [position, at] of own.entries())
      add(evaluated[at] as EvaluatedEvent, check, outcomes[position] as PayloadOutcome);
  }
  return evaluated;
}

function add({ results, errors }: EvaluatedEvent, { id, name }: EventCheck, outcome: PayloadOutcome): void {
  if ('error' in outcome) errors.push(`${name}: ${outcome.error}`);
  else
    for (const service of outcome.services) {
      if ('error' in service) errors.push(`${name}: ${service.alias}: ${service.error}`);
      else results.push({ checkId: id, ...service });
    }
}
