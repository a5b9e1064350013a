import type { ListCondition } from '../../graphql/declaration.ts';
import { type GivenReference, referenceInputOf, refersTo } from '../../graphql/target.ts';
import { categories } from '../category/table.ts';
import { Scorecard } from '../scorecard/resource.ts';
import { inCategories } from './in-categories.ts';

export const checkConditions: Readonly<Record<string, ListCondition>> = {
  scorecard: {
    as: 'filter field',
    input: {
      type: referenceInputOf(Scorecard),
      visibleWith: Scorecard.permission,
      description: 'The ID or alias of the scorecard that the categories of the checks belong to.',
    },
    where: (ctx, given: GivenReference) => inCategories(ctx, refersTo(ctx, Scorecard, categories.scorecardId, given)),
    cost: () => 0,
  },
};
