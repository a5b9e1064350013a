import { builder } from '../../graphql/builder.ts';
import type { ListCondition } from '../../graphql/declaration.ts';
import { SEARCH_COST } from '../../graphql/search.ts';
import { MAX_DEPTH } from './compile.ts';
import { MAX_REGEXES, MAX_TOTAL } from './nesting.ts';
import { FilterConnective, FilterPredicateInput } from './predicate-graphql.ts';
import { MAX_PREDICATES } from './predicates.ts';
import { compileInline, compileSaved, type InlineFilter } from './select.ts';

/** The number of predicates for which a list counts once more as a search. */
const PREDICATES_PER_SEARCH = 10;

const COUNTS = SEARCH_COST.toLocaleString('en');

const FilterConditions = builder.inputType('FilterConditions', {
  description: 'The conditions of a filter that is not saved. They have the same limits as those of a saved filter.',
  fields: (t) => ({
    connective: t.field({
      type: FilterConnective,
      required: true,
      defaultValue: 'AND',
      description: 'How the predicates are combined.',
    }),
    predicates: t.field({
      type: [FilterPredicateInput],
      required: true,
      description: `1 to ${MAX_PREDICATES} conditions. With those of nested filters, at most ${MAX_TOTAL}, of which at most ${MAX_REGEXES} are regular expressions. Filters can be nested ${MAX_DEPTH} levels deep.`,
    }),
  }),
});

/** Conditions of lists of services: a saved filter, and one that is not saved. */
export const serviceConditions: Readonly<Record<string, ListCondition>> = {
  filterId: {
    as: 'argument',
    input: {
      type: 'ID',
      permission: 'filter:read',
      description: `The ID of a filter that the services match. Returns NOT_FOUND if it does not exist. Counts as ${COUNTS} fields in the cost of the operation.`,
    },
    where: (ctx, id: string) => compileSaved(ctx, id),
    cost: () => SEARCH_COST,
  },
  matches: {
    as: 'filter field',
    input: {
      type: FilterConditions,
      description: `Conditions that the services match, such as those of a filter before it is saved. Returns BAD_REQUEST with the predicate and the reason if they are not valid. Counts as ${COUNTS} fields in the cost of the operation for each ${PREDICATES_PER_SEARCH} predicates.`,
    },
    where: (ctx, given: InlineFilter) => compileInline(ctx, given),
    cost: ({ predicates }: InlineFilter) =>
      SEARCH_COST * Math.max(1, Math.ceil(predicates.length / PREDICATES_PER_SEARCH)),
  },
};
