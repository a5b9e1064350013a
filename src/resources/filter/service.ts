import { and, asc, eq, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { batched } from '../../data/loader.ts';
import { isAnyOf } from '../../db/array.ts';
import type { Db } from '../../db/client.ts';
import { readerOf } from '../../db/reader.ts';
import { notFound } from '../../lib/errors.ts';
import { toPublicId } from '../../lib/ids.ts';
import type { FilterWithPredicates, Predicate } from './compile.ts';
import type { FilterKey } from './keys.ts';
import type { Operator } from './operators.ts';
import { REFERENCES } from './predicates.ts';
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
export const nestedIn = ({ predicates }: Pick<FilterWithPredicates, 'predicates'>): string[] =>
  predicates.flatMap(({ nestedId }) => nestedId ?? []);

/** One filter. Throws NOT_FOUND if it does not exist. */
export async function readFilter(ctx: Context, id: string): Promise<LoadedFilter> {
  const [filter] = await readFilters(await db(ctx), tenant(ctx), [id]);
  if (!filter) throw notFound('Filter');
  return filter;
}

/** The predicates of a filter, in their order. */
export const findPredicates = batched<PredicateRow[]>(async (ctx, ids) =>
  readPredicates(await db(ctx), tenant(ctx), ids),
);

/** A predicate as the API has it: `value` and `keyData` are public IDs if they are references. */
export const publicPredicate = (predicate: Predicate): PublicPredicate => ({
  key: predicate.key,
  keyData: predicate.definitionId ? toPublicId('prd', predicate.definitionId) : predicate.keyData,
  operator: predicate.operator as Operator,
  value: publicValue(predicate),
  caseSensitive: predicate.caseSensitive,
});

export interface PublicPredicate {
  readonly key: FilterKey;
  readonly keyData: string | null;
  readonly operator: Operator;
  readonly value: string | null;
  readonly caseSensitive: boolean;
}

function publicValue(predicate: Predicate): string | null {
  for (const { column, prefix } of REFERENCES) {
    const id = predicate[column];
    if (id && column !== 'definitionId') return toPublicId(prefix, id);
  }
  return predicate.value;
}

async function readFilters(
  tx: Db,
  organizationId: string,
  ids: readonly string[] | undefined,
): Promise<LoadedFilter[]> {
  if (ids?.length === 0) return [];
  const own = and(eq(filters.organizationId, organizationId), ids && isAnyOf(filters.id, ids));
  const [rows, predicates] = await Promise.all([
    filterReader.read(tx, sql`where ${own}`),
    readPredicates(tx, organizationId, ids),
  ]);
  return rows.map((row) => ({ ...row, predicates: predicates.get(row.id) ?? [] }));
}

/** The predicates of these filters in their order, by the ID of the filter. */
async function readPredicates(
  tx: Db,
  organizationId: string,
  ids: readonly string[] | undefined,
): Promise<Map<string, PredicateRow[]>> {
  const { filterId, position } = filterPredicates;
  const own = and(eq(filterPredicates.organizationId, organizationId), ids && isAnyOf(filterId, ids));
  const rows = await predicateReader.read(tx, sql`where ${own} order by ${asc(filterId)}, ${asc(position)}`);
  return Map.groupBy(rows, (row) => row.filterId);
}
