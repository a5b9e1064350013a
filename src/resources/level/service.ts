import type { Hooks } from '../../data/hooks.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import { leaveLevel } from '../evaluation/level-deletion.ts';
import type { levels } from './table.ts';

/** The results do not depend on levels. So only the levels of the services are computed again. */
export const levelHooks: Hooks<typeof levels.$inferSelect> = {
  afterCreate: (ctx) => evaluateLater(ctx, { checkIds: [] }),
  afterUpdate: async (ctx, before, after) => {
    if (before.index !== after.index) await evaluateLater(ctx, { checkIds: [] });
  },
  beforeDelete: leaveLevel,
};
