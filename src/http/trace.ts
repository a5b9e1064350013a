import type { DecisionCount } from '../access/counted.ts';
import type { Work } from '../db/work.ts';
import { type Actor, ANONYMOUS } from '../identity/actor.ts';
import { toPublicId } from '../lib/ids.ts';

/** Data about a request for its log entry and the metrics. It never contains a variable, a parameter or a credential. */
export interface Trace {
  /** Name of the GraphQL operation. */
  operation: string | null;
  /** Name of its root field, or `several`. Null before the operation is known to be valid. */
  rootField: string | null;
  actor: Actor;
  /** Distinct codes of the errors in the response. */
  codes: string[];
  decisions: DecisionCount;
  /** The permission and the reason of each FORBIDDEN error in the response. */
  refusals: { permission: unknown; reason: string }[];
}

export const newTrace = (): Trace => ({
  operation: null,
  rootField: null,
  actor: ANONYMOUS,
  codes: [],
  decisions: { allowed: 0, refused: 0 },
  refusals: [],
});

export function addCode({ codes }: Trace, code: unknown): void {
  if (typeof code === 'string' && !codes.includes(code)) codes.push(code);
}

/** Adds an error of the response by its extensions. */
export function addError(trace: Trace, { code, permission, reason }: Readonly<Record<string, unknown>>): void {
  addCode(trace, code);
  if (code === 'FORBIDDEN') trace.refusals.push({ permission, reason: String(reason) });
}

export interface FinishedRequest {
  requestId: string;
  route: string;
  /** Null when the client disconnected before the end of the response. */
  status: number | null;
  startedAt: number;
  /** Null if requests are not traced. */
  traceId: string | null;
}

/** The log entry of a request. */
export function requestEntry(
  { requestId, route, status, startedAt, traceId }: FinishedRequest,
  { operation, actor, codes }: Trace,
  { statements, waitedMs }: Work,
): Record<string, unknown> {
  const entry: Record<string, unknown> = {
    level: 'info',
    message: 'request',
    requestId,
    route,
    operation,
    principal: principalOf(actor),
    organization: organizationOf(actor),
    status,
    outcome: outcomeTextOf(status, codes),
    durationMs: round(performance.now() - startedAt),
    waitedMs: round(waitedMs),
    statements,
  };
  if (traceId !== null) entry['traceId'] = traceId;
  return entry;
}

export const organizationOf = ({ organization }: Actor): string | null =>
  organization && toPublicId('org', organization.id);

/** The outcome with all codes. */
export function outcomeTextOf(status: number | null, codes: string[]): string {
  if (status === null) return 'DISCONNECTED';
  if (codes.length > 0) return codes.join(' ');
  return status < 400 ? 'OK' : 'FAILED';
}

function principalOf({ user, principal }: Actor): string | null {
  if (user) return toPublicId('usr', user.id);
  return principal && toPublicId('sva', principal.id);
}

const round = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
