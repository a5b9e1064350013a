import { eq, sql } from 'drizzle-orm';
import { type Context, db, tenant } from '../../context.ts';
import { isAnyOf } from '../../db/array.ts';
import { queryRows } from '../../db/reader.ts';
import { invalid, userError } from '../../lib/errors.ts';
import type { Predicate } from './compile.ts';
import { contains, type FilterNode, nodeOf, problemOfSize } from './nesting.ts';
import { OPERATORS, ruleOf } from './operators.ts';
import { filterPredicates } from './table.ts';

/**
 * Throws if a filter with these predicates would contain itself, or if the filter or one that contains it would be too
 * large. `id` is null for a new filter. The caller has locked the filters of the organization against other such changes.
 */
export async function refuseNesting(ctx: Context, id: string | null, predicates: readonly Predicate[]): Promise<void> {
  const own = id ?? '';
  const node = nodeOf(predicates);
  const graph = id || node.nested.length > 0 ? await loadGraph(ctx) : new Map<string, FilterNode>();
  graph.set(own, node);
  const cycles = predicates.flatMap(({ nestedId }, at) =>
    nestedId && contains(graph, nestedId, own)
      ? [userError('INVALID', ['predicates', String(at), 'value'], `predicates.${at}.value: ${CYCLE}`)]
      : [],
  );
  if (cycles.length > 0) throw invalid(...cycles);
  const problem = problemOfSize(graph, own);
  if (problem) throw invalid(userError('LIMIT_EXCEEDED', 'predicates', `predicates: The filter ${problem}.`));
  for (const other of graph.keys()) {
    const exceeded = contains(graph, other, own) ? problemOfSize(graph, other) : null;
    if (exceeded)
      throw invalid(
        userError('LIMIT_EXCEEDED', 'predicates', `predicates: A filter that contains this filter ${exceeded}.`),
      );
  }
}

/** The filter and all filters that contain it. */
export async function filtersWith(ctx: Context, id: string): Promise<string[]> {
  const graph = await loadGraph(ctx);
  return [id, ...[...graph.keys()].filter((other) => other !== id && contains(graph, other, id))];
}

const CYCLE = 'The nested filter is this filter, or contains it.';

const REGEX_OPERATORS = Object.keys(OPERATORS).filter((name) => ruleOf(name).comparison === 'MATCHES_REGEX');

interface Row {
  id: string;
  predicates: number;
  regexes: number;
  nested: string | null;
}

async function loadGraph(ctx: Context): Promise<Map<string, FilterNode>> {
  const { organizationId, filterId, operator, nestedId } = filterPredicates;
  const rows = await queryRows<Row>(
    await db(ctx),
    sql`select ${filterId} as id, count(*)::int as predicates,
      (count(*) filter (where ${isAnyOf(operator, REGEX_OPERATORS)}))::int as regexes,
      string_agg(${nestedId}::text, ' ') as nested
    from ${filterPredicates} where ${eq(organizationId, tenant(ctx))} group by ${filterId}`,
  );
  return new Map(rows.map(({ id, nested, ...counts }) => [id, { ...counts, nested: nested?.split(' ') ?? [] }]));
}
