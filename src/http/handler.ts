import type { IncomingMessage, RequestListener } from 'node:http';
import type { OpenPath, ServicePath } from '../access/endpoints.ts';
import type { Dependencies } from '../context.ts';
import { domainError } from '../db/constraints.ts';
import { endWork, newWork, type Work } from '../db/work.ts';
import { AmbitError } from '../lib/errors.ts';
import { describeError } from '../lib/log.ts';
import { createAddressOf } from './address.ts';
import { createExports, type Export } from './audit-export.ts';
import { createCompress } from './compression.ts';
import { createDeadlines, type Deadlines, stopDisconnected } from './deadline.ts';
import { createFastPath, type FastPath } from './fast-path.ts';
import { createReady, live } from './health.ts';
import { createEventRoutes, eventRouteOf } from './integration-event.ts';
import { type Admission, BUSY, createRequestMemory, type RequestMemory } from './memory.ts';
import { METRICS_PATH, type MetricsRoute } from './metrics/route.ts';
import { createObserve, type Observe } from './observe.ts';
import { createPlayground, FOLDER, type Playground } from './playground/playground.ts';
import { withRateLimit } from './rate-limit-headers.ts';
import { withForm } from './reports/body.ts';
import { isReport, routeOfReport } from './reports/paths.ts';
import { createReports } from './reports/reports.ts';
import {
  domainErrorResponse,
  errorResponse,
  type HttpResponse,
  internalErrorMessage,
  jsonResponse,
  requestIdOf,
  type StreamResponse,
  withVary,
} from './response.ts';
import { createResponseWriter } from './response-writer.ts';
import { createSchemaRoute } from './schema-file.ts';
import { createPosts } from './secret-revocation.ts';
import type { RequestState, ServerContext } from './server-context.ts';
import { createServiceExport } from './service-export.ts';
import { createUploads } from './service-import.ts';
import { addError, newTrace, type Trace } from './trace.ts';
import type { Graphql } from './yoga.ts';

/** Maximum number of bytes of a request body. */
const MAX_BODY = 100_000;

type Route = (req: IncomingMessage, work: Work, address: string) => Promise<HttpResponse>;
type Routes = ReadonlyMap<string, Route>;

const createRoutes = ({ schema }: Graphql, dependencies: Dependencies, metrics: MetricsRoute | null): Routes => {
  const { identity, pool } = dependencies;
  const routes: Record<OpenPath, Route> = {
    '/.well-known/jwks.json': async () =>
      jsonResponse(200, await identity.keys.jwks(), { 'cache-control': 'public, max-age=3600' }),
    '/health/live': live,
    '/health/ready': createReady(pool),
    '/schema.graphql': createSchemaRoute(schema, dependencies),
  };
  return new Map([...Object.entries(routes), ...(metrics ? [[METRICS_PATH, metrics] as const] : [])]);
};

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/';

/** The route for the log. An unknown path is not logged, because it may contain a secret. */
function routeOf(req: IncomingMessage, routes: Pick<Routes, 'has'>[]): string {
  const path = pathOf(req);
  if (path.startsWith(FOLDER)) return FOLDER;
  const event = eventRouteOf(path);
  if (event) return event;
  if (isReport(path)) return routeOfReport(path) ?? 'none';
  return path === '/' || path === '/graphql' || routes.some((known) => known.has(path)) ? path : 'none';
}

/** Whether a browser opens the URL as a page. */
const isNavigation = (req: IncomingMessage): boolean => req.headers.accept?.includes('text/html') === true;

export interface HandlerOptions {
  fastPath?: FastPath;
  deadlines?: Deadlines;
  memory?: RequestMemory;
  playground?: Playground;
  observe?: Observe;
  metrics?: MetricsRoute | null;
}

/**
 * Handles all HTTP requests. Checks the path, the size and the type of the body, and passes operations to the fast path
 * or to yoga.
 */
export function createHandler(
  graphql: Graphql,
  dependencies: Dependencies,
  {
    fastPath = createFastPath(graphql, dependencies.config),
    deadlines = createDeadlines(dependencies.config.requestTimeoutMs),
    memory = createRequestMemory(dependencies.config.requestMemory),
    playground = createPlayground(null),
    observe = createObserve(dependencies.log),
    metrics = null,
  }: HandlerOptions = {},
): RequestListener {
  const routes = createRoutes(graphql, dependencies, metrics);
  const exports = new Map([
    ...createExports(dependencies, deadlines),
    ['/services/export' satisfies ServicePath, createServiceExport(dependencies, deadlines)],
  ]);
  const uploads = createUploads(dependencies, deadlines);
  const posts = createPosts(dependencies);
  const events = createEventRoutes(dependencies, memory);
  const reports = createReports(dependencies, deadlines);
  const compress = createCompress();
  const writer = createResponseWriter(dependencies.config, dependencies.log);
  const addressOf = createAddressOf(dependencies.config.trustedProxies);

  async function respond(
    req: IncomingMessage,
    requestId: string,
    work: Work,
    trace: Trace,
  ): Promise<HttpResponse | StreamResponse> {
    const path = pathOf(req);
    if (isReport(path))
      return await withForm(memory, req, (body, admission) =>
        reports.respond(req, path, body, serverContext(req, requestId, newState(work, trace, admission))),
      );
    const file = req.method === 'GET' || req.method === 'HEAD' ? await serveFile(path, req, work) : null;
    if (file) return file;
    const exported = req.method === 'GET' ? exports.get(path) : undefined;
    const post = req.method === 'POST' ? posts.get(path) : undefined;
    const upload = req.method === 'POST' ? uploads.get(path) : undefined;
    const event = req.method === 'POST' ? events.find(path) : null;
    if (path !== '/graphql' && !exported && !post && !upload && !event)
      return errorResponse(404, 'This path does not exist. The API is at /graphql.', requestId);
    if (memory.isFull()) return busy(requestId);
    if (event) return await event(req, { requestId, address: clientAddress(req), state: { work, trace } });
    if (upload) return await respondToUpload(upload, req, requestId, work, trace);
    const body = await memory.readBody(req, MAX_BODY);
    if (body === 'incomplete') return busy(requestId, { connection: 'close' });
    if (body === 'too large')
      return errorResponse(413, `The request body must not be larger than ${MAX_BODY} bytes.`, requestId);
    // A page of another site can send forms and plain text without a preflight request (CSRF).
    if (req.method === 'POST' && !isJson(req))
      return errorResponse(415, 'The request body must be JSON, with content-type: application/json.', requestId);
    const admission = memory.admit(body.length);
    if (!admission) return busy(requestId);
    try {
      const server = serverContext(req, requestId, newState(work, trace, admission));
      if (exported) return await exported(req, server);
      if (post) return await post(body, server);
      const response = (await fastPath(req, body, server)) ?? (await fallback(req, body, server));
      return await withRateLimit(dependencies, server, response);
    } finally {
      admission.release();
    }
  }

  /** A body that is read while it is processed. Its memory is limited by its route. */
  async function respondToUpload(
    upload: Export,
    req: IncomingMessage,
    requestId: string,
    work: Work,
    trace: Trace,
  ): Promise<HttpResponse | StreamResponse> {
    const admission = memory.admit(0);
    if (!admission) return busy(requestId);
    try {
      return await upload(req, serverContext(req, requestId, newState(work, trace, admission)));
    } finally {
      admission.release();
    }
  }

  /** What is not an operation. Null if nothing else has this path. */
  async function serveFile(path: string, req: IncomingMessage, work: Work): Promise<HttpResponse | null> {
    if (path.startsWith(FOLDER)) return await playground.file(path, req);
    if (path === '/' && isNavigation(req)) return REDIRECT;
    if (path === '/graphql' && isNavigation(req)) return withVary(await playground.page(req), 'Accept');
    return (await routes.get(path)?.(req, work, clientAddress(req))) ?? null;
  }

  const clientAddress = ({ headers, socket }: IncomingMessage): string =>
    addressOf(socket.remoteAddress ?? 'unknown', headers['x-forwarded-for']?.toString());

  function serverContext(req: IncomingMessage, requestId: string, state: RequestState): ServerContext {
    const { headers } = req;
    return {
      requestId,
      state,
      address: clientAddress(req),
      authorization: headers.authorization ?? null,
      userAgent: headers['user-agent']?.slice(0, 200) ?? null,
    };
  }

  /** Handles every request that yoga supports. */
  async function fallback(req: IncomingMessage, body: Buffer, server: ServerContext): Promise<HttpResponse> {
    const init = { method: req.method ?? 'GET', headers: headersOf(req), ...(body.length > 0 && { body }) };
    return readResponse(await graphql.yoga.fetch(`http://localhost${req.url}`, init as RequestInit, server));
  }

  function responseForError(error: unknown, path: string, requestId: string, trace: Trace): HttpResponse {
    const found = domainError(error);
    const known = found instanceof AmbitError ? found : new AmbitError('INTERNAL', internalErrorMessage(requestId));
    addError(trace, known.extensions);
    if (known !== found) dependencies.log({ level: 'error', requestId, error: describeError(error) });
    return isReport(path) ? reports.error(known, requestId) : domainErrorResponse(known, requestId);
  }

  return (req, res) => {
    const requestId = requestIdOf(req);
    const startedAt = performance.now();
    const [work, trace] = [newWork(), newTrace()];
    const path = pathOf(req);
    const observed = observe(req, path, work);
    let isSent = false;
    const send = (response: HttpResponse | StreamResponse): void => {
      // The response may have been sent at the deadline.
      if (isSent) {
        if ('onEnd' in response) response.onEnd();
        return;
      }
      isSent = true;
      try {
        if ('chunks' in response) stream(response);
        else writer.send(res, requestId, response);
      } catch {
        res.destroy();
      }
    };
    const stream = (response: StreamResponse): void => {
      // Each page of a stream has a deadline of its own.
      deadlines.delete(request);
      writer
        .stream(res, requestId, response)
        .catch((error: unknown) => void responseForError(error, path, requestId, trace))
        .finally(response.onEnd);
    };
    const fail = (error: unknown): void => send(responseForError(error, path, requestId, trace));
    const request = { work, startedAt, giveUp: fail };
    deadlines.add(request);
    res.once('close', () => {
      deadlines.delete(request);
      if (res.writableFinished) endWork(work);
      else stopDisconnected(work);
      const status = res.writableFinished ? res.statusCode : null;
      observed({ requestId, route: routeOf(req, [routes, exports, posts, uploads]), status, startedAt }, trace, work);
    });
    const accepted = req.headers['accept-encoding'];
    void respond(req, requestId, work, trace)
      .then((response) => ('chunks' in response ? response : compress(accepted, response)))
      .then(send, fail);
  };
}

const newState = (work: Work, trace: Trace, { chargeOrganization }: Admission): RequestState => ({
  work,
  trace,
  credential: { error: null, isIgnored: false },
  chargeOrganization,
  counted: null,
});

/** Sends a browser to the playground. Relative, because a proxy can serve Ambit in a folder. */
const REDIRECT: HttpResponse = { status: 302, headers: { location: 'graphql', vary: 'Accept' }, body: '' };

const busy = (requestId: string, headers?: Record<string, string>): HttpResponse =>
  errorResponse(503, BUSY, requestId, headers);

const isJson = (req: IncomingMessage): boolean => /^application\/json\s*(;|$)/i.test(req.headers['content-type'] ?? '');

const headersOf = (req: IncomingMessage): [string, string][] =>
  Object.entries(req.headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));

/** Headers of a streamed response. They must not be sent with a Content-Length, and responses are sent as a whole. */
const STREAM_HEADERS = new Set(['connection', 'transfer-encoding']);

async function readResponse(response: Response): Promise<HttpResponse> {
  // In lower case, so that a header of yoga and one that is set later are not both sent.
  const all = [...response.headers].map(([name, value]) => [name.toLowerCase(), value] as const);
  const headers = Object.fromEntries(all.filter(([name]) => !STREAM_HEADERS.has(name)));
  return { status: response.status, headers, body: await response.text() };
}
