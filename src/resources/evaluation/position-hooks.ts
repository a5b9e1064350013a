import type { Hooks } from '../../data/hooks.ts';
import { evaluateLater } from './enqueue.ts';

/** Hooks of tiers and lifecycle stages: filters compare their positions, and checks their names. */
export const positionHooks: Hooks<{ name: string; index: number }> = {
  afterUpdate: async (ctx, before, after) => {
    if (before.name !== after.name || before.index !== after.index) await evaluateLater(ctx, {});
  },
};
