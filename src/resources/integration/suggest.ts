import { and, count, eq, sql } from 'drizzle-orm';
import { arrayParam, isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { newId } from '../../lib/ids.ts';
import type { Scope } from '../evaluation/scope.ts';
import { serviceSuggestions } from './table.ts';

/** Maximum number of suggestions of an organization. */
export const MAX_SUGGESTIONS = 1_000;

/** An alias in an event that no service has. */
export interface UnknownAlias {
  readonly integrationId: string;
  readonly alias: string;
}

/**
 * Adds suggestions, or counts their events. Above the limit, they replace those whose last event was the earliest. Otherwise
 * dismissed ones, or a sender of random aliases, would prevent further suggestions for ever.
 */
export async function suggestServices(scope: Scope, found: readonly UnknownAlias[]): Promise<void> {
  if (found.length === 0) return;
  const { db, organizationId, now } = scope;
  const byAlias = new Map<string, UnknownAlias & { events: number }>();
  for (const { integrationId, alias } of found)
    byAlias.set(alias, { integrationId, alias, events: (byAlias.get(alias)?.events ?? 0) + 1 });
  // In one order, so that two transactions do not wait for each other.
  const all = [...byAlias.values()].sort((a, b) => (a.alias < b.alias ? -1 : 1));
  const known = await countEvents(scope, all);
  const own = eq(serviceSuggestions.organizationId, organizationId);
  const [stored] = await db.select({ total: count() }).from(serviceSuggestions).where(own);
  const rows = all
    .filter(({ alias }) => !known.has(alias))
    .slice(0, MAX_SUGGESTIONS - known.size)
    .map((each) => ({ ...each, id: newId(), organizationId, createdAt: now, lastEventAt: now }));
  await deleteOldest(scope, (stored?.total ?? 0) + rows.length - MAX_SUGGESTIONS);
  if (rows.length > 0) await db.insert(serviceSuggestions).values(rows).onConflictDoNothing();
}

async function deleteOldest({ db, organizationId }: Scope, number: number): Promise<void> {
  if (number <= 0) return;
  const { id, lastEventAt } = serviceSuggestions;
  const own = eq(serviceSuggestions.organizationId, organizationId);
  const oldest = await db
    .select({ id })
    .from(serviceSuggestions)
    .where(own)
    .orderBy(lastEventAt, id)
    .limit(number)
    // One that another transaction has locked is accepted, dismissed or counted at this moment.
    .for('update', { skipLocked: true });
  const ids = oldest.map((row) => row.id);
  if (ids.length > 0) await db.delete(serviceSuggestions).where(and(own, isAnyOf(id, ids)));
}

/** Adds the numbers of events to existing suggestions. Returns their aliases. */
async function countEvents(
  { db, organizationId, now }: Scope,
  all: readonly (UnknownAlias & { events: number })[],
): Promise<Set<string>> {
  const aliases = all.map(({ alias }) => alias);
  const own = and(eq(serviceSuggestions.organizationId, organizationId), isAnyOf(serviceSuggestions.alias, aliases));
  const rows = await db
    .select({ alias: serviceSuggestions.alias })
    .from(serviceSuggestions)
    .where(own)
    .orderBy(serviceSuggestions.alias)
    .for('no key update');
  if (rows.length === 0) return new Set();
  const counts = arrayParam(all.map(({ events }) => String(events)));
  const updated = await queryRows<{ alias: string }>(
    db,
    sql`update ${serviceSuggestions} set events = ${serviceSuggestions.events} + counted.events,
      last_event_at = ${now.toISOString()}::timestamptz
      from unnest(${arrayParam(aliases)}::text[], ${counts}::int[]) as counted(alias, events)
      where ${serviceSuggestions.organizationId} = ${organizationId} and ${serviceSuggestions.alias} = counted.alias
      returning ${serviceSuggestions.alias}`,
  );
  return new Set(updated.map(({ alias }) => alias));
}

/** Deletes the suggestions of aliases that services have. */
export async function removeSuggestions({ db, organizationId }: Scope, aliases: Iterable<string>): Promise<void> {
  const own = eq(serviceSuggestions.organizationId, organizationId);
  await db.delete(serviceSuggestions).where(and(own, isAnyOf(serviceSuggestions.alias, aliases)));
}
