import { sql } from 'drizzle-orm';
import { arrayParam } from '../../db/array.ts';
import { sendStatement } from '../../db/writer.ts';
import { aliasText } from '../../lib/input.ts';
import { storableText } from '../../lib/storable.ts';
import type { Scope } from '../evaluation/scope.ts';
import type { EvaluatedEvent } from './event-checks.ts';
import { type EventResult, writeEventResults } from './results.ts';
import { servicesByAlias } from './services.ts';
import { removeSuggestions, suggestServices } from './suggest.ts';
import { integrationEvents } from './table.ts';

/** The most characters of the error of an event. */
const MAX_ERROR = 2_000;

/**
 * Stores the results of events, in the order of the events, and sets the outcome of each event. An alias that no service has
 * becomes a suggestion. The events are locked.
 */
export async function processCustomEvents(scope: Scope, events: readonly EvaluatedEvent[]): Promise<void> {
  const aliases = new Set(events.flatMap(({ results }) => results.map(({ alias }) => alias)).filter(isAlias));
  const services = aliases.size > 0 ? await servicesByAlias(scope, aliases) : new Map<string, string>();
  await writeEventResults(scope, lastResults(events, services));
  const missing = events.map(({ results }) => [
    ...new Set(results.map(({ alias }) => alias).filter((alias) => !services.has(alias))),
  ]);
  if (services.size > 0) await removeSuggestions(scope, services.keys());
  await suggestServices(
    scope,
    events.flatMap(({ integrationId }, at) =>
      (missing[at] ?? []).filter(isAlias).map((alias) => ({ integrationId, alias })),
    ),
  );
  await endAll(
    scope,
    events.map(({ id, errors }, at) => ({ id, error: errorOf(errors, missing[at] ?? []) })),
  );
}

const isAlias = (text: string): boolean => aliasText.safeParse(text).success;

/** The last result of each check for each service. */
function lastResults(events: readonly EvaluatedEvent[], services: ReadonlyMap<string, string>): EventResult[] {
  const last = new Map<string, EventResult>();
  for (const { integrationId, results } of events)
    for (const { alias, checkId, status, message } of results) {
      const serviceId = services.get(alias);
      if (serviceId) last.set(`${checkId} ${serviceId}`, { checkId, serviceId, integrationId, status, message });
    }
  return [...last.values()];
}

/** One line for each error. Null if there is none. */
function errorOf(errors: readonly string[], missing: readonly string[]): string | null {
  const unknown = missing.map((alias) => `No service has the alias “${alias}”.`);
  const text = storableText([...errors, ...unknown].join('\n'));
  if (text === '') return null;
  return text.length <= MAX_ERROR ? text : `${text.slice(0, MAX_ERROR - 1).toWellFormed()}…`;
}

async function endAll(
  { db, organizationId, now }: Scope,
  outcomes: readonly { id: string; error: string | null }[],
): Promise<void> {
  const ids = arrayParam(outcomes.map(({ id }) => id));
  const errors = arrayParam(outcomes.map(({ error }) => error as string));
  await sendStatement(
    db,
    sql`update ${integrationEvents} set error = ended.error, processed_at = ${now.toISOString()}::timestamptz,
      status = case when ended.error is null then 'PROCESSED' else 'FAILED' end
      from unnest(${ids}::uuid[], ${errors}::text[]) as ended(id, error)
      where ${integrationEvents.organizationId} = ${organizationId} and ${integrationEvents.id} = ended.id`,
  );
}
