import type { Hooks } from '../../data/hooks.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import { leaveLevel } from '../evaluation/level-deletion.ts';
import type { levels } from './table.ts';

/**
 * The results do not depend on levels. So only the levels of the services, and the checks that are missing for the next one, are
 * computed again.
 */
export const levelHooks: Hooks<typeof levels.$inferSelect> = {
  afterCreate: (ctx) => evaluateLater(ctx, { checkIds: [] }),
  afterUpdate: async (ctx, before, after) => {
    if (before.index !== after.index) await evaluateLater(ctx, { checkIds: [] });
  },
  beforeDelete: leaveLevel,
  // The services have been moved already, but the next level of a service can have changed.
  afterDelete: (ctx) => evaluateLater(ctx, { checkIds: [] }),
};
