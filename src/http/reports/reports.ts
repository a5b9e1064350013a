import type { IncomingMessage } from 'node:http';
import type { Dependencies } from '../../context.ts';
import { AmbitError } from '../../lib/errors.ts';
import type { Deadlines } from '../deadline.ts';
import type { HttpResponse, StreamResponse } from '../response.ts';
import { createRunning, MAX_EXPORTS } from '../running-exports.ts';
import type { ServerContext } from '../server-context.ts';
import { type ReportCall, type Respond, redirect } from './call.ts';
import { createCookies } from './cookie.ts';
import { errorPage } from './error-page.ts';
import { HOME } from './next.ts';
import { chooseOrganization, showOrganizations } from './organization.ts';
import { respondWithPage } from './page.ts';
import { baseOf, type FormPath, findReport, isForm, ROOT } from './paths.ts';
import { showSignIn, signIn } from './sign-in.ts';
import { signOut } from './sign-out.ts';

/** Responds to the requests for paths under `/reports`. */
export interface Reports {
  respond(
    req: IncomingMessage,
    path: string,
    body: Buffer,
    server: ServerContext,
  ): Promise<HttpResponse | StreamResponse>;
  /** The page for a request that failed. */
  error(error: AmbitError, requestId: string): HttpResponse;
}

/** The handlers of the forms. GET for the sign-out redirects to the reports. */
const FORMS: Readonly<Record<FormPath, { get: Respond; post: Respond }>> = {
  '/reports/sign-in': { get: showSignIn, post: signIn },
  '/reports/sign-out': { get: async (call) => redirect(call, HOME), post: signOut },
  '/reports/organization': { get: showOrganizations, post: chooseOrganization },
};

export function createReports(dependencies: Dependencies, deadlines: Deadlines): Reports {
  const cookies = createCookies(dependencies.config.publicUrl);
  const base = baseOf(dependencies.config.publicUrl);
  const files = { deadlines, beginRunning: createRunning(MAX_EXPORTS, 'exports') };
  return {
    respond: (req, path, body, server) => respond({ dependencies, cookies, base, req, body, server, files }, path),
    error: (error, requestId) => errorPage(error, { base, requestId }),
  };
}

async function respond(call: ReportCall, path: string): Promise<HttpResponse | StreamResponse> {
  const { method } = call.req;
  const isRead = method === 'GET' || method === 'HEAD';
  if (isForm(path)) {
    if (isRead) return await FORMS[path].get(call);
    if (method === 'POST') return await FORMS[path].post(call);
    throw wrongMethod('GET, HEAD, POST');
  }
  const found = findReport(path);
  if (!found && path !== ROOT) throw pageNotFound();
  if (!isRead) throw wrongMethod('GET, HEAD');
  return found ? await respondWithPage(call, found) : redirect(call, HOME);
}

const pageNotFound = (): AmbitError => new AmbitError('NOT_FOUND', 'This page does not exist.');

const wrongMethod = (allow: string): AmbitError =>
  new AmbitError('BAD_REQUEST', `This page allows ${allow} only.`, { http: { status: 405, headers: { allow } } });
