import { and, asc, eq, type SQL, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { readerOf } from '../../db/reader.ts';
import type { FilterWithPredicates, Predicate } from './compile.ts';
import { filterPredicates, filters } from './table.ts';

export type FilterRow = typeof filters.$inferSelect;
export type PredicateRow = typeof filterPredicates.$inferSelect & Predicate;
/** A filter as `compileFilter` takes it. */
export type LoadedFilter = FilterRow & FilterWithPredicates & { readonly predicates: readonly PredicateRow[] };

const filterReader = readerOf<FilterRow>(filters);
const predicateReader = readerOf<PredicateRow>(filterPredicates);

/**
 * The filters with these IDs, and those that are nested in them, by ID. Without IDs, all filters of the organization. An ID
 * that does not exist is not in the map.
 */
export const loadFilters = async (ctx: Context, ids?: readonly string[]): Promise<Map<string, LoadedFilter>> =>
  await loadFiltersOf(await db(ctx), tenant(ctx), ids);

/** The same for this organization. Also for jobs, which have no request. */
export async function loadFiltersOf(
  tx: Db,
  organizationId: string,
  ids?: readonly string[],
): Promise<Map<string, LoadedFilter>> {
  const loaded = new Map<string, LoadedFilter>();
  let missing: readonly string[] | undefined = ids;
  do {
    for (const filter of await readFilters(tx, organizationId, missing)) loaded.set(filter.id, filter);
    missing = [...loaded.values()].flatMap(nestedIn).filter((id) => !loaded.has(id));
  } while (missing.length > 0);
  return loaded;
}

/** The IDs of the filters that are directly nested in a filter. */
export const nestedIn = ({ predicates }: FilterWithPredicates): string[] =>
  predicates.flatMap(({ nestedId }) => nestedId ?? []);

async function readFilters(
  tx: Db,
  organizationId: string,
  ids: readonly string[] | undefined,
): Promise<LoadedFilter[]> {
  if (ids?.length === 0) return [];
  const own = (table: typeof filters | typeof filterPredicates, column: SQL | undefined) =>
    and(eq(table.organizationId, organizationId), column) as SQL;
  const rows = await filterReader.read(tx, sql`where ${own(filters, ids && isAnyOf(filters.id, ids))}`);
  const predicates = await predicateReader.read(
    tx,
    sql`where ${own(filterPredicates, ids && isAnyOf(filterPredicates.filterId, ids))} order by ${asc(filterPredicates.position)}`,
  );
  const byFilter = Map.groupBy(predicates, ({ filterId }) => filterId);
  return rows.map((row) => ({ ...row, predicates: byFilter.get(row.id) ?? [] }));
}
