import { entitlementsOf, type Plan } from './plans.ts';

/** The length of a period in seconds. It begins with the first request. */
export const PERIOD = 60;

/** The cost that counts as one more request. */
export const COST_PER_REQUEST = 1_000;

/** What an export of the audit log counts as: as much as the operation with the highest cost. */
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

/** The limits of a plan on this server, where `percent` of the limits of the plan applies. */
export function requestLimitsOf(plan: Plan, percent: number): RequestLimits {
  const { requestsPerMinute, organizationRequestsPerMinute } = entitlementsOf(plan);
  const scaled = (limit: number): number => Math.max(1, Math.floor((limit * percent) / 100));
  return { credential: scaled(requestsPerMinute), organization: scaled(organizationRequestsPerMinute) };
}
