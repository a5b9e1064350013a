import type { IncomingMessage } from 'node:http';
import { requireOnSome } from '../../access/access.ts';
import { reportAccessOf } from '../../access/endpoints.ts';
import { type Context, type Dependencies, endTransaction } from '../../context.ts';
import { AmbitError } from '../../lib/errors.ts';
import type { HttpResponse } from '../response.ts';
import type { ServerContext } from '../server-context.ts';
import { type Cookies, createCookies } from './cookie.ts';
import { errorPage } from './error-page.ts';
import { htmlResponse, SECURITY_HEADERS, type Viewer } from './layout.ts';
import { baseOf, findReport, type MatchedReport } from './paths.ts';
import { RENDERS } from './renders.ts';
import type { ReportFile, ReportPage } from './report.ts';
import { reportContext } from './session.ts';

/** Responds to the requests for paths under `/reports`. */
export interface Reports {
  respond(req: IncomingMessage, path: string, server: ServerContext): Promise<HttpResponse>;
  /** The page for a request that failed. */
  error(error: AmbitError, requestId: string): HttpResponse;
}

export function createReports(dependencies: Dependencies): Reports {
  const cookies = createCookies(dependencies.config.publicUrl);
  const base = baseOf(dependencies.config.publicUrl);
  return {
    respond: async (req, path, server) => {
      const found = findReport(path);
      if (!found) throw pageNotFound();
      return await respondWithPage({ dependencies, cookies, base, req, server }, found);
    },
    error: (error, requestId) => errorPage(error, { base, requestId }),
  };
}

const pageNotFound = (): AmbitError =>
  new AmbitError('NOT_FOUND', 'This page does not exist.', { http: { status: 404 } });

interface Given {
  dependencies: Dependencies;
  cookies: Cookies;
  base: string;
  req: IncomingMessage;
  server: ServerContext;
}

async function respondWithPage(
  { dependencies, cookies, base, req, server }: Given,
  found: MatchedReport,
): Promise<HttpResponse> {
  const ctx = await reportContext(dependencies, cookies, req, server);
  if (!ctx) return { status: 303, headers: { ...SECURITY_HEADERS, location: `${base}/sign-in` }, body: '' };
  requireAccess(ctx, found);
  const { searchParams: query } = new URL(req.url ?? '', 'http://localhost');
  const result = await inTransaction(ctx, () => RENDERS[found.path](ctx, { params: found.params, query, base }));
  if ('fileName' in result) return fileResponse(result);
  return htmlResponse(200, { ...result, base, viewer: viewerOf(ctx) });
}

function requireAccess(ctx: Context, { path }: MatchedReport): void {
  const { permission, onSome } = reportAccessOf(path);
  if (onSome) requireOnSome(ctx.unit.access, permission);
  else ctx.unit.access.require(permission);
}

/** Runs the function in the transaction of the context, which reads one snapshot. */
async function inTransaction(
  ctx: Context,
  render: () => Promise<ReportPage | ReportFile>,
): Promise<ReportPage | ReportFile> {
  try {
    const result = await render();
    await endTransaction(ctx, 'commit');
    return result;
  } catch (error) {
    await endTransaction(ctx, 'rollback').catch(() => undefined);
    throw error;
  }
}

const viewerOf = ({ unit: { actor } }: Context): Viewer => ({
  name: actor.user?.name ?? '',
  organization: actor.organization?.name ?? null,
  formToken: '',
});

const fileResponse = ({ fileName, mediaType, text }: ReportFile): HttpResponse => ({
  status: 200,
  headers: {
    ...SECURITY_HEADERS,
    'content-type': mediaType,
    'content-disposition': `attachment; filename="${fileName.replace(/[^\w.-]/g, '_')}"`,
  },
  body: text,
});
