import type { ServerResponse } from 'node:http';
import type { AmbitError } from '../errors.ts';

/** A whole response, as the edge sends it. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export const json = (status: number, body: unknown, headers?: Record<string, string>): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(body),
});

export function problem(status: number, message: string, requestId: string): Answer {
  const code = { 404: 'NOT_FOUND', 500: 'INTERNAL', 503: 'UNAVAILABLE' }[status] ?? 'BAD_REQUEST';
  // What is left of a body that is too large is not read.
  const close: Record<string, string> = status === 413 ? { connection: 'close' } : {};
  return json(status, { errors: [{ message, extensions: { code, requestId } }] }, close);
}

/** A request that failed before GraphQL could answer it. */
export const failure = (error: AmbitError, requestId: string): Answer => {
  const { http, ...extensions } = error.extensions as { http?: { status: number; headers?: Record<string, string> } };
  return json(
    http?.status ?? 500,
    { errors: [{ message: error.message, extensions: { ...extensions, requestId } }] },
    http?.headers,
  );
};

export function send(res: ServerResponse, requestId: string, { status, headers, body }: Answer): void {
  res.writeHead(status, {
    'x-request-id': requestId,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...headers,
    // RFC 9110, section 8.6: a 204 has none.
    ...(status !== 204 && { 'content-length': Buffer.byteLength(body) }),
  });
  res.end(body);
}
