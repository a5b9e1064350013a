import type { IncomingMessage, RequestListener } from 'node:http';
import type { Dependencies } from '../context.ts';
import { domainError } from '../db/constraints.ts';
import { endWork, newWork, type Work } from '../db/work.ts';
import { AmbitError } from '../lib/errors.ts';
import { describeError } from '../lib/log.ts';
import { createAddressOf } from './address.ts';
import { type Answer, failure, json, problem, requestIdOf } from './answer.ts';
import { createDeadlines, type Deadlines, stopDisconnected } from './deadline.ts';
import { createFastPath, type FastPath } from './fast-path.ts';
import { createReady, live } from './health.ts';
import { createRequestMemory, type RequestMemory } from './memory.ts';
import { createResponseWriter } from './response-writer.ts';
import type { RequestState, ServerContext } from './server-context.ts';
import { addCode, newTrace, requestEntry, type Trace } from './trace.ts';
import type { Graphql } from './yoga.ts';

/** Bytes of a request body. */
const MAX_BODY = 100_000;

/** What GraphiQL needs and nothing else: the page is one file. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data:; font-src data:; connect-src 'self'; frame-ancestors 'none'";

type Routes = ReadonlyMap<string, () => Promise<Answer>>;

const createRoutes = ({ identity, pool }: Dependencies): Routes =>
  new Map([
    [
      '/.well-known/jwks.json',
      async () => json(200, await identity.keys.jwks(), { 'cache-control': 'public, max-age=3600' }),
    ],
    ['/health/live', live],
    ['/health/ready', createReady(pool)],
  ]);

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/';

/** The route for the log. An unknown path is not logged, because it may contain a secret. */
function routeOf(req: IncomingMessage, routes: Routes): string {
  const path = pathOf(req);
  return path === '/graphql' || routes.has(path) ? path : 'none';
}

export interface HandlerOptions {
  direct?: FastPath;
  deadlines?: Deadlines;
  memory?: RequestMemory;
}

/** The HTTP edge: request id, client address, size and type of the body; the rest is yoga's. */
export function createHandler(
  graphql: Graphql,
  parts: Dependencies,
  {
    direct = createFastPath(graphql, parts.config),
    deadlines = createDeadlines(parts.config.requestTimeoutMs),
    memory = createRequestMemory(parts.config.requestMemory),
  }: HandlerOptions = {},
): RequestListener {
  const routes = createRoutes(parts);
  const writer = createResponseWriter(parts.config, parts.log);
  const addressOf = createAddressOf(parts.config.trustedProxies);

  async function answer(req: IncomingMessage, requestId: string, work: Work, trace: Trace): Promise<Answer> {
    const path = pathOf(req);
    const route = req.method === 'GET' ? routes.get(path) : undefined;
    if (route) return await route();
    if (path !== '/graphql') return problem(404, 'Not here. The API is at /graphql.', requestId);
    if (memory.isFull()) return busy(requestId);
    const body = await memory.readBody(req, MAX_BODY);
    if (body === 'incomplete') return busy(requestId, { connection: 'close' });
    if (body === 'too large') return problem(413, `A request body has at most ${MAX_BODY} bytes.`, requestId);
    // Forms and plain text are what another site's page can send without asking (CSRF), so they are not taken.
    if (req.method === 'POST' && !isJson(req))
      return problem(415, 'Send JSON: content-type: application/json.', requestId);
    const admission = memory.admit(body.length);
    if (!admission) return busy(requestId);
    try {
      const { chargeOrganization } = admission;
      const server = serverContext(req, requestId, { work, trace, chargeOrganization });
      return (await direct(req, body, server)) ?? (await askYoga(req, body, server));
    } finally {
      admission.release();
    }
  }

  function serverContext({ headers, socket }: IncomingMessage, requestId: string, state: RequestState): ServerContext {
    const forwarded = headers['x-forwarded-for'];
    return {
      requestId,
      state,
      address: addressOf(socket.remoteAddress ?? 'unknown', forwarded?.toString()),
      authorization: headers.authorization ?? null,
      userAgent: headers['user-agent']?.slice(0, 200) ?? null,
    };
  }

  /** The long way: everything that yoga can answer. */
  async function askYoga(req: IncomingMessage, body: Buffer, server: ServerContext): Promise<Answer> {
    const init = { method: req.method ?? 'GET', headers: headersOf(req), ...(body.length > 0 && { body }) };
    return toAnswer(await graphql.yoga.fetch(`http://localhost${req.url}`, init as RequestInit, server));
  }

  function failed(error: unknown, requestId: string, trace: Trace): Answer {
    const known = domainError(error);
    addCode(trace, known instanceof AmbitError ? known.code : 'INTERNAL');
    if (known instanceof AmbitError) return failure(known, requestId);
    parts.log({ level: 'error', requestId, error: describeError(error) });
    return problem(500, `Something went wrong on our side. Tell the operator the request id ${requestId}.`, requestId);
  }

  return (req, res) => {
    const requestId = requestIdOf(req);
    const startedAt = performance.now();
    const [work, trace] = [newWork(), newTrace()];
    let isAnswered = false;
    const send = (answered: Answer): void => {
      // The deadline may have answered already.
      if (isAnswered) return;
      isAnswered = true;
      try {
        writer.send(res, requestId, answered);
      } catch {
        res.destroy();
      }
    };
    const fail = (error: unknown): void => send(failed(error, requestId, trace));
    const request = { work, startedAt, giveUp: fail };
    deadlines.add(request);
    res.once('close', () => {
      deadlines.delete(request);
      if (res.writableFinished) endWork(work);
      else stopDisconnected(work);
      const status = res.writableFinished ? res.statusCode : null;
      parts.log(requestEntry({ requestId, route: routeOf(req, routes), status, startedAt }, trace, work));
    });
    void answer(req, requestId, work, trace).then(send, fail);
  };
}

const busy = (requestId: string, headers?: Record<string, string>): Answer =>
  problem(503, 'The server has too many requests in progress. Try again later.', requestId, headers);

const isJson = (req: IncomingMessage): boolean => /^application\/json\s*(;|$)/i.test(req.headers['content-type'] ?? '');

const headersOf = (req: IncomingMessage): [string, string][] =>
  Object.entries(req.headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));

/** Yoga would stream a multipart answer. Here it is sent whole, with its length, beside which these may not stand. */
const OF_A_STREAM = new Set(['connection', 'transfer-encoding']);

async function toAnswer(response: Response): Promise<Answer> {
  const isPage = response.headers.get('content-type')?.startsWith('text/html');
  const headers = Object.fromEntries([...response.headers].filter(([name]) => !OF_A_STREAM.has(name.toLowerCase())));
  return {
    status: response.status,
    headers: { ...headers, ...(isPage && { 'content-security-policy': PAGE_POLICY }) },
    body: await response.text(),
  };
}
