import { appendFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Reply } from './client.ts';
import type { Sent } from './load.ts';
import type { Outcome, Window } from './run.ts';
import { IS_FULL, IS_MEASURED_ONLY, SERVED_WITHIN, SLACK } from './sizes.ts';

export interface Rules {
  /** The error codes that the fault may cause for this request. */
  codes?(request: Sent): readonly string[];
  /** Expected ends without a response, if the server itself was killed or stopped. */
  ends?: readonly (Reply['failed'] & string)[];
  /** An error code that must occur. Without it, the fault had no effect. */
  seen?: string;
  /** A figure for the table. */
  note?(outcome: Outcome): string;
}

/** The error codes while the database is unavailable. Only a mutation can have an unknown outcome. */
const whenUnavailable = ({ action }: Sent): readonly string[] =>
  action ? ['UNAVAILABLE', 'OUTCOME_UNKNOWN'] : ['UNAVAILABLE'];

/** REQUEST_TIMEOUT_MS of the servers. */
const REQUEST_TIMEOUT = 30_000;
/** Milliseconds before the deadline of a request at which its work is stopped. */
const RESERVE = 1_000;

/** Milliseconds from the end of a fault to the start of the last request that failed because of it. */
export function servedAfter({ sent, windows }: Outcome): number {
  const delays = sent
    .filter(({ isOk }) => !isOk)
    .map((request) => request.startedAt - (windowBefore(request, windows)?.passed ?? request.startedAt));
  return Math.max(0, ...delays);
}

/** The last fault before the request, or none if a fault overlaps with the request. */
function windowBefore({ startedAt, endedAt }: Sent, windows: readonly Window[]): Window | undefined {
  const at = windows.findLastIndex(({ began }) => began <= endedAt);
  const window = windows[at];
  return window && window.passed < startedAt ? window : undefined;
}

export const slowest = ({ sent }: Outcome): number =>
  Math.max(0, ...sent.filter(({ reply }) => !reply.failed).map(({ startedAt, endedAt }) => endedAt - startedAt));

/** The milliseconds within which this share of the requests ended. */
export const quantile = (sent: readonly Sent[], share: number): number => {
  const times = sent.map(({ startedAt, endedAt }) => endedAt - startedAt).sort((a, b) => a - b);
  return times[Math.floor(times.length * share)] ?? 0;
};

/**
 * For faults in which no request may fail. On an overloaded machine a request can wait five seconds for a connection
 * (DATABASE_WAIT_MS), which is not an error of the server.
 */
export const onlyWhenOverloaded = ({ startedAt, endedAt }: Sent): readonly string[] =>
  endedAt - startedAt < 5_000 ? [] : ['UNAVAILABLE'];

/**
 * Whether the work of the request was stopped at its deadline. A wait for a connection, a statement or a lock ends sooner, so
 * the server waited for something that never ended.
 */
const hasReachedDeadline = ({ startedAt, endedAt }: Sent): boolean => endedAt - startedAt >= REQUEST_TIMEOUT - RESERVE;

const countBy = (names: string[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));

/** The end of a request as a short text. */
function endOf({ reply, codes, wrong }: Sent): string {
  if (reply.failed) return reply.failed;
  if (wrong) return `wrong: ${wrong}`;
  return codes.length === 0 ? 'ok' : `${reply.status} ${[...new Set(codes)].join('+')}`;
}

/** The reason why one request violates the rules, or null. */
function breach(request: Sent, outcome: Outcome, { codes = whenUnavailable, ends = [] }: Rules): string | null {
  const { reply, wrong, isOk } = request;
  if (isOk) return null;
  if (reply.failed === 'timeout') return 'unanswered';
  if (reply.failed && !ends.includes(reply.failed)) return reply.failed;
  if (wrong) return `wrong: ${wrong}`;
  if (hasReachedDeadline(request)) return 'reached its deadline';
  const odd = request.codes.find((code) => !codes(request).includes(code));
  if (odd) return `code ${odd}`;
  if (!reply.failed && !hasCorrectStatus(request)) return `status ${reply.status} for ${request.codes}`;
  const { began } = outcome.windows[0] as Window;
  if (request.endedAt < began) return `${endOf(request)} without a fault`;
  const window = windowBefore(request, outcome.windows);
  const late = window ? request.startedAt - window.passed : 0;
  return late > SERVED_WITHIN + SLACK ? `${endOf(request)} more than ${SERVED_WITHIN} ms after the fault` : null;
}

/** Status 503 with Retry-After is required if all errors are UNAVAILABLE and no data is returned, and wrong otherwise. */
function hasCorrectStatus({ reply: { status, retryAfter, body }, codes }: Sent): boolean {
  const isEmpty = Object.values(body?.data ?? {}).every((value) => value === null);
  const isUnavailable = isEmpty && codes.length > 0 && codes.every((code) => code === 'UNAVAILABLE');
  return isUnavailable ? status === 503 && retryAfter : status !== 503;
}

/** All violations of the rules. Empty if there are none. */
function violations(outcome: Outcome, rules: Rules): string[] {
  const { sent, balance, left, afterwards } = outcome;
  const breaches = Map.groupBy(sent, (request) => breach(request, outcome, rules) ?? '');
  breaches.delete('');
  // In the short form all requests can wait until the fault has passed.
  const isMissed = IS_FULL && rules.seen && !sent.some(({ codes }) => codes.includes(rules.seen as string));
  const limit = REQUEST_TIMEOUT + SLACK;
  return [
    ...[...breaches].map(([text, all]) => `${all.length} × ${text}, such as ${describe(all[0] as Sent, outcome)}`),
    ...(isMissed ? [`no request was answered with ${rules.seen}`] : []),
    ...(slowest(outcome) > limit ? [`the slowest answer took ${Math.round(slowest(outcome))} ms`] : []),
    ...Object.entries(balance).flatMap(([what, ids]) => (ids.length > 0 ? [`${what}: ${ids.slice(0, 3)} …`] : [])),
    ...left.map((text) => `left behind: ${text}`),
    ...(afterwards.length > 0 ? [`does not serve afterwards: ${afterwards}`] : []),
    ...(sent.some(({ isOk }) => isOk) ? [] : ['nothing succeeded']),
  ];
}

/** The response and the log entry of a request, and the last log entries of the pool, which contain the cause of a loss. */
function describe({ id, reply, startedAt, endedAt }: Sent, { output, windows }: Outcome): string {
  const lines = output.split('\n');
  const line = lines.find((text) => text.includes(`"${id}"`));
  const logged = line && `logged: ${line.slice(0, 300)} … ${/caused by .{0,200}/.exec(line)?.[0] ?? ''}`;
  const pool = lines.filter((text) => text.includes('"message":"database ')).slice(-3);
  const window = windows.findLast(({ began }) => began < endedAt) ?? (windows[0] as Window);
  const after = Math.round(startedAt - window.began);
  const when = `${Math.abs(after)} ms ${after < 0 ? 'before' : 'after'} the fault began, for ${Math.round(endedAt - startedAt)} ms`;
  const response = reply.error ?? JSON.stringify(reply.body).slice(0, 300);
  return [`${id}, ${when}: ${response}`, logged ?? '', ...pool].join(' ');
}

/** A line of the table. */
export interface Line {
  fault: string;
  pool: number;
  rounds: number;
  requests: number;
  unanswered: number;
  slowest: number;
  /** Null if the server did not recover. */
  served: number | null;
  lost: number;
  codes: Record<string, number>;
  note: string;
  violations: string[];
}

function lineOf(outcome: Outcome, rules: Rules): Line {
  const { fault, pool, sent, windows, balance, afterwards } = outcome;
  return {
    ...{ fault, pool, rounds: windows.length, requests: sent.length },
    unanswered: sent.filter(({ reply }) => reply.failed === 'timeout').length,
    slowest: slowest(outcome),
    served: afterwards.length > 0 ? null : servedAfter(outcome),
    lost: Object.values(balance).flat().length,
    codes: countBy(sent.map(endOf)),
    note: rules.note?.(outcome) ?? '',
    violations: violations(outcome, rules),
  };
}

/** Writes the lines of the table and expects no violations. */
export function expectNoViolations(outcomes: readonly Outcome[], rules: Rules = {}): void {
  const lines = outcomes.map((outcome) => lineOf(outcome, rules));
  const table = process.env['FAULTS_TABLE'];
  if (table) for (const line of lines) appendFileSync(table, `${JSON.stringify(line)}\n`);
  if (IS_MEASURED_ONLY) return;
  for (const { fault, pool, violations: found, codes } of lines)
    expect({ fault, pool, found, ...(found.length > 0 && { codes }) }).toEqual({ fault, pool, found: [] });
}
