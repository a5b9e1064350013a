import { entitlementsOf, type Plan } from './plans.ts';

/** The length of a period in seconds. It begins with the first request. */
export const PERIOD = 60;

/** Each full 1,000 of the cost count as one more request. */
export const COST_PER_REQUEST = 1_000;

/** The number of requests that an export of the audit log counts as, like an operation with the maximum cost. */
export const EXPORT_REQUESTS = 50;

/** How many requests an operation counts as: one for each root field, and one more for each 1,000 of its cost. */
export const requestsOf = (rootFields: number, cost: number): number =>
  Math.max(rootFields, 1) + Math.floor(cost / COST_PER_REQUEST);

export interface RequestLimits {
  /** Maximum number of requests in a minute with one credential. */
  credential: number;
  /** Maximum number of requests in a minute of the whole organization. */
  organization: number;
}

/** The limits of a plan on this server. `percent` is `PLAN_REQUESTS_PERCENT`. */
export function requestLimitsOf(plan: Plan, percent: number): RequestLimits {
  const { requestsPerMinute, organizationRequestsPerMinute } = entitlementsOf(plan);
  const scaled = (limit: number): number => Math.max(1, Math.floor((limit * percent) / 100));
  return { credential: scaled(requestsPerMinute), organization: scaled(organizationRequestsPerMinute) };
}
