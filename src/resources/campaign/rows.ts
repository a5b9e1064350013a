import { rowsOf } from '../../data/rows.ts';
import { campaigns } from './table.ts';

export const campaignRows = rowsOf(campaigns, 'cmp', { teamId: 'tea', filterId: 'fil' });
