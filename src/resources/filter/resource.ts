import { multiLine, oneOf, singleLine } from '../../graphql/attributes.ts';
import { resourceWithoutMutations } from '../../graphql/resource.ts';
import { FilterConnective, FilterPredicate } from './predicate-graphql.ts';
import { findPredicates } from './service.ts';
import { filters } from './table.ts';

/** The predicates are rows of a child table, which are written as a whole. So the mutations are written by hand. */
export const Filter = resourceWithoutMutations('Filter', {
  table: filters,
  id: 'fil',
  permission: 'filter',
  plural: 'filters',
  description: 'Conditions that select services. Checks use filters to apply to some services only.',
  attributes: {
    name: singleLine(100, 'The name of the filter', { unique: true }),
    description: multiLine(2000, 'Which services the filter selects'),
    connective: oneOf(FilterConnective, ['AND', 'OR'], 'How the predicates are combined', { defaultValue: 'AND' }),
  },
  fields: (t) => ({
    predicates: t.field({
      type: [FilterPredicate],
      description: 'The conditions, in the order in which they were given.',
      resolve: async ({ id }, _args, ctx) => (await findPredicates(ctx, id)) ?? [],
    }),
  }),
  filter: { search: ['name'], createdAt: 'range', updatedAt: 'range' },
  order: ['name', 'createdAt', 'updatedAt'],
});
