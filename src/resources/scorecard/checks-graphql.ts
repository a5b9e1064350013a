import { sql } from 'drizzle-orm';
import { addListUnder } from '../../graphql/resource-list.ts';
import { categories } from '../category/table.ts';
import { inCategories } from '../check/in-categories.ts';
import { Check } from '../check/resource.ts';
import { Scorecard } from './resource.ts';

addListUnder(Check as never, Scorecard, 'checks', {
  description: 'The checks whose category belongs to this scorecard',
  isUnder: (ctx, parent) => inCategories(ctx, sql`${categories.scorecardId} = ${parent}`),
});
