import { and, count, eq, sql } from 'drizzle-orm';
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

/** Adds suggestions, or counts their events. Above the limit, further aliases are not stored. */
export async function suggestServices(scope: Scope, found: readonly UnknownAlias[]): Promise<void> {
  if (found.length === 0) return;
  const { db, organizationId, now } = scope;
  const own = eq(serviceSuggestions.organizationId, organizationId);
  const [stored] = await db.select({ total: count() }).from(serviceSuggestions).where(own);
  let free = MAX_SUGGESTIONS - (stored?.total ?? 0);
  const byAlias = new Map<string, UnknownAlias & { events: number }>();
  for (const { integrationId, alias } of found)
    byAlias.set(alias, { integrationId, alias, events: (byAlias.get(alias)?.events ?? 0) + 1 });
  // In one order, so that two transactions do not wait for each other.
  for (const each of [...byAlias.values()].sort((a, b) => (a.alias < b.alias ? -1 : 1))) {
    const updated = await db
      .update(serviceSuggestions)
      .set({ events: sql`${serviceSuggestions.events} + ${each.events}::int`, lastEventAt: now })
      .where(and(own, eq(serviceSuggestions.alias, each.alias)))
      .returning({ id: serviceSuggestions.id });
    if (updated.length > 0 || free-- <= 0) continue;
    await db
      .insert(serviceSuggestions)
      .values({ ...each, id: newId(), organizationId, createdAt: now, lastEventAt: now })
      .onConflictDoNothing();
  }
}
