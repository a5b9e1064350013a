import { createElement as h } from 'react';
import { requireOnSome } from '../../access/access.ts';
import { reportAccessOf } from '../../access/endpoints.ts';
import { type Context, runAndCommit } from '../../context.ts';
import { AmbitError } from '../../lib/errors.ts';
import type { HttpResponse, StreamResponse } from '../response.ts';
import { addError } from '../trace.ts';
import { queryOf, type ReportCall, redirect, withNext } from './call.ts';
import { errorPage } from './error-page.ts';
import { beginFile, fileResponse } from './file-response.ts';
import { htmlResponse } from './layout.ts';
import { nextOf } from './next.ts';
import { offeredReports } from './offered.ts';
import { type MatchedReport, ROOT } from './paths.ts';
import { RENDERS } from './renders.ts';
import { PAGE_REQUESTS, reportContext, viewerOf } from './session.ts';

export async function respondWithPage(call: ReportCall, found: MatchedReport): Promise<HttpResponse | StreamResponse> {
  const ctx = await reportContext(call, PAGE_REQUESTS);
  if (!ctx) return leadToSignIn(call);
  const { base, server } = call;
  try {
    requireAccess(ctx, found);
    const request = { params: found.params, query: queryOf(call), base };
    const result = await runAndCommit(ctx, async () => {
      const rendered = await RENDERS[found.path](ctx, request);
      return 'parts' in rendered ? await beginFile(ctx, rendered) : rendered;
    });
    if ('file' in result) return fileResponse(call, ctx, result, (own) => requireAccess(own, found));
    return htmlResponse(200, { ...result, base, viewer: await viewerOf(ctx) });
  } catch (error) {
    if (!(error instanceof AmbitError) || !WITH_VIEWER.includes(error.code)) throw error;
    addError(server.state.trace, error.extensions);
    const reports = error.code === 'FORBIDDEN' ? offeredReports(ctx) : [];
    return errorPage(error, { base, requestId: server.requestId, viewer: await viewerOf(ctx), reports });
  }
}

/** Codes of errors whose pages show the bar, for example to change the organization. */
const WITH_VIEWER: readonly string[] = ['FORBIDDEN', 'NOT_FOUND', 'PLAN_REQUIRED', 'BAD_REQUEST'];

/**
 * A link of another site opens the page without the cookie, because of SameSite=Strict. Then a page of this site opens the
 * sign-in. The browser sends the cookie with that request, and the sign-in redirects a person who is signed in. A redirect
 * is not sufficient: it still counts as a request of the other site. There is no loop, because only this page does it.
 */
function leadToSignIn(call: ReportCall): HttpResponse {
  const { req, base } = call;
  const signIn = withNext('/sign-in', nextOf((req.url ?? '').slice(ROOT.length)));
  const site = req.headers['sec-fetch-site'];
  if (site !== 'cross-site' && site !== 'same-site') return redirect(call, signIn);
  const body = h('p', null, h('a', { href: `${base}${signIn}` }, 'Continue to the report'));
  return htmlResponse(200, { base, title: 'Opening the report', viewer: null, narrow: true, body, refresh: signIn });
}

function requireAccess(ctx: Context, { path }: MatchedReport): void {
  const { permission, onSome } = reportAccessOf(path);
  ctx.unit.access.requireOrganization();
  if (onSome) requireOnSome(ctx.unit.access, permission);
  else ctx.unit.access.require(permission);
}
