import type { Hooks } from '../../data/hooks.ts';
import { lockResults } from '../evaluation/check-deletion.ts';
import { evaluateLater } from '../evaluation/enqueue.ts';
import { deleteContents } from './deletion.ts';
import type { scorecards } from './table.ts';

export type ScorecardRow = typeof scorecards.$inferSelect;

export const scorecardHooks: Hooks<ScorecardRow> = {
  // Before the scorecard is locked: an evaluation locks the levels first, and then the scorecards in which it writes levels.
  lockForDelete: lockResults,
  afterUpdate: async (ctx, before, after) => {
    // All checks: a list of the checks of the scorecard would lack one that another request is creating.
    if (before.filterId !== after.filterId) await evaluateLater(ctx, {});
  },
  beforeDelete: deleteContents,
};
