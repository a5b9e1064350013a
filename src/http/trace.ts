import type { Work } from '../db/work.ts';
import { type Actor, ANONYMOUS } from '../identity/actor.ts';
import { toPublicId } from '../lib/ids.ts';

/** Data about a request for its log entry. It never contains a variable, a parameter or a credential. */
export interface Trace {
  /** Name of the GraphQL operation. */
  operation: string | null;
  actor: Actor;
  /** Distinct codes of the errors in the response. */
  codes: string[];
}

export const newTrace = (): Trace => ({ operation: null, actor: ANONYMOUS, codes: [] });

export function addCode({ codes }: Trace, code: unknown): void {
  if (typeof code === 'string' && !codes.includes(code)) codes.push(code);
}

export interface FinishedRequest {
  requestId: string;
  route: string;
  /** Null when the client disconnected before the end of the response. */
  status: number | null;
  startedAt: number;
}

/** The log entry of a request. */
export const requestEntry = (
  { requestId, route, status, startedAt }: FinishedRequest,
  { operation, actor, codes }: Trace,
  { statements, waitedMs }: Work,
): Record<string, unknown> => ({
  level: 'info',
  message: 'request',
  requestId,
  route,
  operation,
  principal: principalOf(actor),
  organization: actor.organization && toPublicId('org', actor.organization.id),
  status,
  outcome: outcomeOf(status, codes),
  durationMs: round(performance.now() - startedAt),
  waitedMs: round(waitedMs),
  statements,
});

function outcomeOf(status: number | null, codes: string[]): string {
  if (status === null) return 'DISCONNECTED';
  if (codes.length > 0) return codes.join(' ');
  return status < 400 ? 'OK' : 'FAILED';
}

function principalOf({ user, principal }: Actor): string | null {
  if (user) return toPublicId('usr', user.id);
  return principal && toPublicId('sva', principal.id);
}

const round = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
