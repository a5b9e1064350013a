import { sql } from 'drizzle-orm';
import { queryRows } from '../../db/reader.ts';
import type { FiltersById } from '../filter/compile.ts';
import { loadFiltersOf } from '../filter/service.ts';
import { levels } from '../level/table.ts';
import { beginnings, type CheckToEvaluate, counts, loadChecks } from './checks.ts';
import type { Scope } from './scope.ts';

/** What services are evaluated against: the checks of the rubric, of scorecards and of campaigns. */
export interface Rubric {
  /** The checks that count now, ordered by ID. */
  readonly checks: readonly CheckToEvaluate[];
  /** The IDs of the checks of campaigns that have ended. Their results stay as they are. */
  readonly frozenIds: readonly string[];
  readonly filters: FiltersById;
  /** The IDs of the levels in their order. */
  readonly levelIds: readonly string[];
  /** When the next check begins to count. Null if there is none. */
  readonly nextEnabling: Date | null;
}

/**
 * Reads the rubric and locks its levels, so that no level is changed and no check deleted before the end of the transaction.
 * Returns null if that is happening now. The transaction holds locks on services, which the deletion of a level needs. So it
 * must not wait.
 */
export async function lockRubric({ db, organizationId, now }: Scope): Promise<Rubric | null> {
  const own = sql`${levels.organizationId} = ${organizationId}`;
  const ordered = sql`select ${levels.id} from ${levels} where ${own} order by ${levels.index}`;
  const [locked, all, checks, filters] = await Promise.all([
    queryRows<{ id: string }>(db, sql`${ordered} for share skip locked`),
    queryRows<{ id: string }>(db, ordered),
    loadChecks(db, organizationId),
    loadFiltersOf(db, organizationId),
  ]);
  if (locked.length < all.length) return null;
  const upcoming = checks.flatMap(beginnings).flatMap((time) => (time > now ? [time.getTime()] : []));
  return {
    checks: checks.filter((check) => counts(check, now)),
    frozenIds: checks.flatMap(({ id, endedAt }) => (endedAt ? [id] : [])),
    filters,
    levelIds: all.map(({ id }) => id),
    nextEnabling: upcoming.length > 0 ? new Date(Math.min(...upcoming)) : null,
  };
}
