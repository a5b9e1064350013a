import type { IncomingMessage } from 'node:http';
import type { Dependencies } from '../../context.ts';
import { AmbitError } from '../../lib/errors.ts';
import type { Deadlines } from '../deadline.ts';
import type { HttpResponse } from '../response.ts';
import type { BeginRunning } from '../running-exports.ts';
import type { ServerContext } from '../server-context.ts';
import type { Cookies } from './cookie.ts';
import { isSameOrigin } from './form-token.ts';
import { SECURITY_HEADERS } from './layout.ts';

/** A request for a path under `/reports`. */
export interface ReportCall {
  dependencies: Dependencies;
  cookies: Cookies;
  /** The path of the reports as browsers see it. */
  base: string;
  req: IncomingMessage;
  server: ServerContext;
  body: Buffer;
  /** For files that are read in parts. */
  files: {
    deadlines: Deadlines;
    beginRunning: BeginRunning;
  };
}

export type Respond = (call: ReportCall) => Promise<HttpResponse>;

export const queryOf = ({ req }: ReportCall): URLSearchParams =>
  new URLSearchParams((req.url ?? '').split('?').slice(1).join('?'));

/** Redirects to a path of the reports. The browser requests it with GET. */
export const redirect = ({ base }: ReportCall, path: string, cookie?: string): HttpResponse => ({
  status: 303,
  headers: { ...SECURITY_HEADERS, location: `${base}${path}`, ...(cookie && { 'set-cookie': cookie }) },
  body: '',
});

/** The parameter `next` of a link to a form. */
export const withNext = (path: string, next: string | null): string =>
  next === null ? path : `${path}?next=${encodeURIComponent(next)}`;

const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/** The fields of a form that a page of the reports has sent. Throws if another origin has sent it. */
export function readForm({ req, body, dependencies }: ReportCall): URLSearchParams {
  if (!FORM.test(req.headers['content-type'] ?? ''))
    throw new AmbitError('BAD_REQUEST', 'The form must be sent as application/x-www-form-urlencoded.', {
      http: { status: 415 },
    });
  if (!isSameOrigin(req, dependencies.config.publicUrl))
    throw new AmbitError(
      'BAD_REQUEST',
      'A page of another site has sent this form. Open the page here and try again.',
      {
        http: { status: 403 },
      },
    );
  return new URLSearchParams(body.toString());
}

/** What a form shows instead of its result. Null for an error that has a page of its own. */
export function formError(error: unknown): { message: string; status: number; headers: Record<string, string> } | null {
  if (!(error instanceof AmbitError)) return null;
  const { message, code, userErrors, extensions } = error;
  if (code === 'RATE_LIMITED')
    return { message, status: 429, headers: { 'retry-after': String(extensions['retryAfter']) } };
  if (userErrors) return { message, status: 422, headers: {} };
  return code === 'CONFLICT' ? { message, status: 409, headers: {} } : null;
}

export const EXPIRED_FORM = { message: 'The form has expired. Try again.', status: 403, headers: {} };
