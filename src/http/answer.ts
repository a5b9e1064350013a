import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AmbitError, ErrorCode } from '../lib/errors.ts';

/** A whole response, as the edge sends it. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const REQUEST_ID = /^[\w.-]{1,64}$/;

/** The client's request ID if it has a safe format, otherwise a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : crypto.randomUUID();
}

export const json = (status: number, body: unknown, headers?: Record<string, string>): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(body),
});

const CODES: Record<number, string> = { 404: 'NOT_FOUND', 500: 'INTERNAL', 503: 'UNAVAILABLE' };

const PROBLEM_HEADERS: Record<number, Record<string, string>> = {
  // What is left of a body that is too large is not read.
  413: { connection: 'close' },
  503: { 'retry-after': '1' },
};

export function problem(
  status: number,
  message: string,
  requestId: string,
  headers: Record<string, string> = {},
): Answer {
  const code = CODES[status] ?? 'BAD_REQUEST';
  const errors = [{ message, extensions: { code, requestId } }];
  return json(status, { errors }, { ...PROBLEM_HEADERS[status], ...headers });
}

/** HTTP status of errors that do not define one. */
const STATUS: Partial<Record<ErrorCode, number>> = { BAD_REQUEST: 400, CONFLICT: 409, OUTCOME_UNKNOWN: 504 };

/** The response to a request that failed before GraphQL produced a result. */
export function failure(error: AmbitError, requestId: string): Answer {
  const { http, ...extensions } = error.extensions as { http?: { status: number; headers?: Record<string, string> } };
  const errors = [{ message: error.message, extensions: { ...extensions, requestId } }];
  return json(http?.status ?? STATUS[error.code] ?? 500, { errors }, http?.headers);
}

export const headersOf = (
  { status, headers }: Answer,
  requestId: string,
  length: number,
): Record<string, string | number> => ({
  'x-request-id': requestId,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  ...headers,
  // RFC 9110, section 8.6: a 204 has none.
  ...(status !== 204 && { 'content-length': length }),
});

/** Sends a short response. */
export function send(res: ServerResponse, requestId: string, answer: Answer): void {
  res.writeHead(answer.status, headersOf(answer, requestId, Buffer.byteLength(answer.body))).end(answer.body);
}
