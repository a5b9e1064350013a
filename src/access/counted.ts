import type { Access } from './access.ts';

/** How many decisions a request has made. */
export interface DecisionCount {
  allowed: number;
  refused: number;
}

export function countDecision(count: DecisionCount, isAllowed: boolean): void {
  if (isAllowed) count.allowed += 1;
  else count.refused += 1;
}

/** The same access, whose decisions are counted. */
export const countedAccess = (access: Access, count: DecisionCount): Access => ({
  ...access,
  decide(permission, target) {
    const decision = access.decide(permission, target);
    countDecision(count, decision.allowed);
    return decision;
  },
  can(permission, target) {
    const isAllowed = access.can(permission, target);
    countDecision(count, isAllowed);
    return isAllowed;
  },
  require(permission, target) {
    try {
      access.require(permission, target);
    } catch (error) {
      count.refused += 1;
      throw error;
    }
    count.allowed += 1;
  },
});
