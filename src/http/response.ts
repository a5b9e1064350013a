import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AmbitError, ErrorCode } from '../lib/errors.ts';

/** A complete response. Its body is a text, or bytes that were compressed. */
export interface HttpResponse {
  status: number;
  headers: Record<string, string>;
  body: string | Buffer;
}

/** A response whose length is not known in advance. If reading the chunks fails, the connection is closed. */
export interface StreamResponse {
  status: number;
  headers: Record<string, string>;
  chunks: AsyncIterable<string>;
  /** Called when the response has ended, also if it was not sent. */
  onEnd: () => void;
}

const REQUEST_ID = /^[\w.-]{1,64}$/;

/** Returns the client's request ID if it has a safe format, otherwise a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : crypto.randomUUID();
}

export const jsonResponse = (status: number, body: unknown, headers?: Record<string, string>): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(body),
});

/** The response with another header of the request that its representation depends on. */
export function withVary(response: HttpResponse, header: string): HttpResponse {
  const { vary } = response.headers;
  return { ...response, headers: { ...response.headers, vary: vary ? `${vary}, ${header}` : header } };
}

const CODES: Record<number, string> = { 401: 'UNAUTHENTICATED', 404: 'NOT_FOUND', 500: 'INTERNAL', 503: 'UNAVAILABLE' };

const PROBLEM_HEADERS: Record<number, Record<string, string>> = {
  // The rest of a body that is too large is not read.
  413: { connection: 'close' },
  503: { 'retry-after': '1' },
};

export const internalErrorMessage = (requestId: string): string =>
  `An internal error occurred. Report the request ID ${requestId} to the operator.`;

/** The response to a request that was refused before GraphQL executed it. */
export function errorResponse(
  status: number,
  message: string,
  requestId: string,
  headers: Record<string, string> = {},
): HttpResponse {
  const code = CODES[status] ?? 'BAD_REQUEST';
  const errors = [{ message, extensions: { code, requestId } }];
  return jsonResponse(status, { errors }, { ...PROBLEM_HEADERS[status], ...headers });
}

/** HTTP status of errors that do not define one. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  PLAN_REQUIRED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  RATE_LIMITED: 429,
  OUTCOME_UNKNOWN: 504,
};

interface Extensions {
  http?: { status: number; headers?: Record<string, string> };
  retryAfter?: number;
}

/** The response to a request that failed before GraphQL produced a result. */
export function domainErrorResponse(error: AmbitError, requestId: string): HttpResponse {
  const { http, ...extensions } = error.extensions as Extensions;
  const { retryAfter } = extensions;
  const headers = retryAfter === undefined ? undefined : { 'retry-after': String(retryAfter) };
  const errors = [{ message: error.message, extensions: { ...extensions, requestId } }];
  return jsonResponse(http?.status ?? STATUS[error.code] ?? 500, { errors }, http?.headers ?? headers);
}

/** With the headers of every response. A length of null is unknown. */
export const headersOf = (
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
  requestId: string,
  length: number | null,
): Record<string, string | number> => ({
  'x-request-id': requestId,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  ...headers,
  // RFC 9110, section 8.6: a 204 response has no Content-Length, and that of a 304 response is the one of the whole file.
  ...(status !== 204 && status !== 304 && length !== null && { 'content-length': length }),
});

/** Sends a short response. */
export function send(res: ServerResponse, requestId: string, response: HttpResponse): void {
  res.writeHead(response.status, headersOf(response, requestId, Buffer.byteLength(response.body))).end(response.body);
}
