import { rowsOf } from '../../data/rows.ts';
import { checks } from './table.ts';

export const checkRows = rowsOf(checks, 'chk', {
  ...{ categoryId: 'cat', levelId: 'lvl', filterId: 'fil', definitionId: 'prd', integrationId: 'int' },
  ...{ campaignId: 'cmp', sourceCheckId: 'chk', teamId: 'tea', ownerId: 'mem' },
});
