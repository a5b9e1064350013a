import type { SQL } from 'drizzle-orm';
import { type Context, tenant } from '../../context.ts';
import { ofServices } from '../../data/service-scope.ts';
import { invalid, notFound, userError } from '../../lib/errors.ts';
import { fromPublicId } from '../../lib/ids.ts';
import { compileFilter, type IsVisible } from './compile.ts';
import { type FilterNode, nodeOf, problemOfSize } from './nesting.ts';
import { checkPredicates, type GivenPredicate } from './predicates.ts';
import { loadFilters, nestedIn } from './service.ts';
import type { Connective } from './table.ts';

/** A filter that is not saved. */
export interface InlineFilter {
  readonly connective: Connective;
  readonly predicates: readonly GivenPredicate[];
}

/** The condition that a service matches a saved filter. Throws NOT_FOUND if it does not exist. */
export async function compileSaved(ctx: Context, id: string): Promise<SQL> {
  const uuid = fromPublicId('fil', id);
  const filters = uuid ? await loadFilters(ctx, [uuid]) : null;
  const filter = filters?.get(uuid ?? '');
  if (!filters || !filter) throw notFound('Filter');
  return compileFilter(filter, filters, visibleTo(ctx));
}

/** The condition that a service matches a filter that is not saved. Throws the errors of its predicates. */
export async function compileInline(ctx: Context, given: InlineFilter): Promise<SQL> {
  const { predicates, errors } = await checkPredicates(ctx, given.predicates);
  if (errors.length > 0) throw invalid(...errors);
  const nested = await loadFilters(ctx, nestedIn({ predicates }));
  const graph = new Map<string, FilterNode>([...nested].map(([id, filter]) => [id, nodeOf(filter.predicates)]));
  const problem = problemOfSize(graph.set('', nodeOf(predicates)), '');
  if (problem) throw invalid(userError('LIMIT_EXCEEDED', 'predicates', `predicates: The filter ${problem}.`));
  return compileFilter(
    { organizationId: tenant(ctx), connective: given.connective, predicates },
    nested,
    visibleTo(ctx),
  );
}

/** Services are compared only with those that the caller may see. */
const visibleTo =
  (ctx: Context): IsVisible =>
  (serviceId) =>
    ofServices(ctx, serviceId, 'service:read');
