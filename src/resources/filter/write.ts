import { and, eq, sql } from 'drizzle-orm';
import { audit, type Context, db, tenant } from '../../context.ts';
import { declareReference, releaseReferences } from '../../data/references.ts';
import { rowsOf } from '../../data/rows.ts';
import { arrayParam } from '../../db/array.ts';
import { explainViolation, postgresError } from '../../db/constraints.ts';
import { queryRows } from '../../db/reader.ts';
import { invalid, userError } from '../../lib/errors.ts';
import { publicRow, toPublicId } from '../../lib/ids.ts';
import { loadChecks } from '../evaluation/checks.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import { lockRubric } from '../rubric/service.ts';
import type { Predicate } from './compile.ts';
import { isRegex } from './nesting.ts';
import { filtersWith, refuseNesting } from './nesting-checks.ts';
import { REFERENCES } from './predicates.ts';
import { toPostgresRegex } from './regex.ts';
import { type FilterRow, publicPredicate, readFilter } from './service.ts';
import { filterPredicates, filters } from './table.ts';

const rows = rowsOf(filters, 'fil');

for (const { column, table, noun } of REFERENCES) {
  declareReference(table, {
    ...{ typename: 'Filter', noun: 'filter', plural: 'filters', permission: 'filter:read' },
    ...{ table: filters, column: filterPredicates[column], project: null, onDelete: 'restrict' },
    through: { table: filterPredicates, of: filterPredicates.filterId },
  });
  explainViolation(
    `filter_predicates_${column.slice(0, -2)}`,
    userError('NOT_FOUND', 'predicates', `predicates: one ${noun} no longer exists.`),
  );
}

/** The columns of a filter that an input sets. */
export type FilterValues = Pick<FilterRow, 'name' | 'description' | 'connective'>;

export async function createFilter(
  ctx: Context,
  values: FilterValues,
  predicates: readonly Predicate[],
): Promise<FilterRow> {
  if (predicates.some(({ nestedId }) => nestedId)) await lockRubric(ctx);
  await refuseRegexes(ctx, predicates);
  await refuseNesting(ctx, null, predicates);
  const now = ctx.dependencies.clock();
  const row = await rows.insert(ctx, { ...values, createdAt: now, updatedAt: now });
  await insertPredicates(ctx, row.id, predicates);
  audit(ctx, { after: snapshotOf(row, predicates) });
  return row;
}

/** `predicates` replace all predicates of the filter. Undefined leaves them unchanged. */
export async function updateFilter(
  ctx: Context,
  id: string,
  changes: Partial<FilterValues>,
  predicates: readonly Predicate[] | undefined,
): Promise<FilterRow> {
  // Two updates at once could nest two filters in each other. The lock comes first, so that they do not wait for each other.
  if (predicates) await lockRubric(ctx);
  audit(ctx, { targetId: toPublicId('fil', id) });
  const locked = await rows.lock(ctx, id);
  const { predicates: before } = await readFilter(ctx, id);
  if (predicates) {
    await refuseRegexes(ctx, predicates);
    await refuseNesting(ctx, id, predicates);
    const own = and(eq(filterPredicates.organizationId, tenant(ctx)), eq(filterPredicates.filterId, id));
    await (await db(ctx)).delete(filterPredicates).where(own);
    await insertPredicates(ctx, id, predicates);
  }
  const row = await rows.update(ctx, locked, { ...changes, updatedAt: ctx.dependencies.clock() });
  if (predicates || (changes.connective && changes.connective !== locked.connective)) await evaluateChecks(ctx, id);
  audit(ctx, { before: snapshotOf(locked, before), after: snapshotOf(row, predicates ?? before) });
  return row;
}

export async function deleteFilter(ctx: Context, id: string): Promise<string> {
  audit(ctx, { targetId: toPublicId('fil', id) });
  const locked = await rows.lock(ctx, id);
  const { predicates } = await readFilter(ctx, id);
  await releaseReferences(ctx, filters, 'filter', id);
  const deletedId = await rows.remove(ctx, locked);
  audit(ctx, { before: snapshotOf(locked, predicates) });
  return deletedId;
}

/**
 * The checks that use the filter may apply to other services now: directly or through other filters, and also through their
 * campaign or scorecard.
 */
async function evaluateChecks(ctx: Context, id: string): Promise<void> {
  const used = new Set(await filtersWith(ctx, id));
  const all = await loadChecks(await db(ctx), tenant(ctx));
  const affected = all.filter(({ filterIds }) => filterIds.some((one) => used.has(one)));
  if (affected.length > 0) await evaluateLater(ctx, { checkIds: affected.map((check) => check.id) });
}

const snapshotOf = (row: FilterRow, predicates: readonly Predicate[]) => ({
  ...publicRow('fil', row),
  predicates: predicates.map(publicPredicate),
});

async function insertPredicates(ctx: Context, filterId: string, predicates: readonly Predicate[]): Promise<void> {
  const own = { organizationId: tenant(ctx), filterId };
  await (await db(ctx))
    .insert(filterPredicates)
    .values(predicates.map((predicate, position) => ({ ...predicate, ...own, position })));
}

/** The SQLSTATE of an invalid regular expression. */
const INVALID_REGEX = '2201B';

/** An expression that PostgreSQL refuses would make every use of the filter fail. So PostgreSQL compiles it first. */
async function refuseRegexes(ctx: Context, predicates: readonly Predicate[]): Promise<void> {
  const regexes = predicates.filter(isRegex).map(({ value }) => toPostgresRegex(value ?? ''));
  if (regexes.length === 0) return;
  try {
    await queryRows(
      await db(ctx),
      sql`select bool_or('' ~ regex) from unnest(${arrayParam(regexes)}::text[]) as regex`,
    );
  } catch (error) {
    if (postgresError(error)?.code !== INVALID_REGEX) throw error;
    throw invalid(userError('INVALID', 'predicates', 'predicates: a regular expression is too complex.'));
  }
}
