import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { errorResponse, type HttpResponse, requestIdOf } from '../response.ts';

export const METRICS_PATH = '/metrics';

/** The content type of Prometheus' text format. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Responds to a scrape. */
export type MetricsRoute = (req: IncomingMessage) => Promise<HttpResponse>;

/** With a token, only requests with this bearer token are answered. */
export function createMetricsRoute(scrape: () => Promise<string>, token: string | undefined): MetricsRoute {
  const expected = token === undefined ? null : digest(`Bearer ${token}`);
  return async (req) => {
    // Digests have the same length, so the comparison takes the same time for every wrong token.
    if (expected && !timingSafeEqual(digest(req.headers.authorization ?? ''), expected)) return unauthorized(req);
    return { status: 200, headers: { 'content-type': CONTENT_TYPE }, body: await scrape() };
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const unauthorized = (req: IncomingMessage): HttpResponse =>
  errorResponse(401, 'This path requires the token of METRICS_TOKEN.', requestIdOf(req), {
    'www-authenticate': 'Bearer',
  });
