import type { Hooks } from '../../data/hooks.ts';
import { lockResults } from '../evaluation/check-deletion.ts';
import type { categories } from './table.ts';

export const categoryHooks: Hooks<typeof categories.$inferSelect> = {
  lockForDelete: lockResults,
};
