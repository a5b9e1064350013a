import type { ErrorCode } from '../../lib/errors.ts';

/** The codes from the most severe to the least severe. An operation counts with the first one of its response. */
const SEVERITY: readonly ErrorCode[] = [
  'INTERNAL',
  'OUTCOME_UNKNOWN',
  'UNAVAILABLE',
  'RESPONSE_TOO_LARGE',
  'RATE_LIMITED',
  'CONFLICT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'PLAN_REQUIRED',
  'NOT_FOUND',
  'BAD_REQUEST',
];

/** The outcome of an operation as one value, so that the number of outcomes is limited. */
export function outcomeOf(status: number | null, codes: readonly string[]): string {
  if (status === null) return 'DISCONNECTED';
  if (codes.length === 0) return status < 400 ? 'OK' : 'FAILED';
  return SEVERITY.find((code) => codes.includes(code)) ?? 'FAILED';
}
