import { sql } from 'drizzle-orm';
import { queryRows, readerOf } from '../../db/reader.ts';
import type { CheckRow } from '../check/service.ts';
import { isEnabled } from '../check/state.ts';
import { checks } from '../check/table.ts';
import type { FiltersById } from '../filter/compile.ts';
import { loadFiltersOf } from '../filter/service.ts';
import { levels } from '../level/table.ts';
import type { Scope } from './scope.ts';

const { id, type, categoryId, levelId, settings, definitionId, filterId, passPending, enabled, enableOn } = checks;
const columns = { id, type, categoryId, levelId, settings, definitionId, filterId, passPending, enabled, enableOn };

export type CheckToEvaluate = Pick<CheckRow, keyof typeof columns>;

const checkReader = readerOf<CheckToEvaluate>(checks, columns);

/** What services are evaluated against. */
export interface Rubric {
  /** The checks that count now, ordered by ID. */
  readonly checks: readonly CheckToEvaluate[];
  readonly filters: FiltersById;
  /** The IDs of the levels in their order. */
  readonly levelIds: readonly string[];
  /** When the next check becomes enabled. Null if there is none. */
  readonly nextEnabling: Date | null;
}

/**
 * Reads the rubric and locks its levels, so that none of them is deleted before the end of the transaction. Returns null if
 * one is being changed. The transaction holds locks on services, which the deletion of a level needs. So it must not wait.
 */
export async function lockRubric({ db, organizationId, now }: Scope): Promise<Rubric | null> {
  const own = sql`${levels.organizationId} = ${organizationId}`;
  const ordered = sql`select ${levels.id} from ${levels} where ${own} order by ${levels.index}`;
  const [locked, all, rows, filters] = await Promise.all([
    queryRows<{ id: string }>(db, sql`${ordered} for key share skip locked`),
    queryRows<{ id: string }>(db, ordered),
    checkReader.read(db, sql`where ${checks.organizationId} = ${organizationId} order by ${checks.id}`),
    loadFiltersOf(db, organizationId),
  ]);
  if (locked.length < all.length) return null;
  const upcoming = rows.flatMap(({ enableOn }) => (enableOn && enableOn > now ? [enableOn.getTime()] : []));
  return {
    checks: rows.filter((row) => isEnabled(row, now)),
    filters,
    levelIds: all.map(({ id }) => id),
    nextEnabling: upcoming.length > 0 ? new Date(Math.min(...upcoming)) : null,
  };
}
