import type { Work } from '../db/work.ts';
import { type Actor, ANONYMOUS } from '../identity/actor.ts';
import { toPublicId } from '../ids.ts';

/** What the log tells of a request. No variable, parameter or credential is ever part of it. */
export interface Trace {
  /** Name of the GraphQL operation. */
  operation: string | null;
  actor: Actor;
  /** Codes of the errors in the response. */
  codes: Set<unknown>;
}

export const newTrace = (): Trace => ({ operation: null, actor: ANONYMOUS, codes: new Set() });

export interface Ended {
  requestId: string;
  route: string;
  status: number;
  startedAt: number;
  isAnswered: boolean;
}

/** The one line of a request. */
export const requestEntry = (
  { requestId, route, status, startedAt, isAnswered }: Ended,
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
  status: isAnswered ? status : null,
  outcome: isAnswered ? [...codes].join(' ') || (status < 400 ? 'OK' : 'FAILED') : 'DISCONNECTED',
  durationMs: round(performance.now() - startedAt),
  waitedMs: round(waitedMs),
  statements,
});

function principalOf({ user, principal }: Actor): string | null {
  if (user) return toPublicId('usr', user.id);
  return principal && toPublicId('sva', principal.id);
}

const round = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
