import type { ServerResponse } from 'node:http';

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
  const code = { 404: 'NOT_FOUND', 500: 'INTERNAL' }[status] ?? 'BAD_REQUEST';
  // What is left of a body that is too large is not read.
  const close: Record<string, string> = status === 413 ? { connection: 'close' } : {};
  return json(status, { errors: [{ message, extensions: { code, requestId } }] }, close);
}

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
