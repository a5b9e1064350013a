import type { IncomingMessage, RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql as query } from 'drizzle-orm';
import type { Parts } from '../context.ts';
import { domainError } from '../db/constraints.ts';
import type { Pool } from '../db/pool.ts';
import { ask } from '../db/reader.ts';
import { inTransaction } from '../db/transaction.ts';
import { newWork, type Work } from '../db/work.ts';
import { AmbitError } from '../errors.ts';
import { describeError } from '../log.ts';
import { createAddressOf } from './address.ts';
import { type Answer, failure, json, problem, send } from './answer.ts';
import { withDeadline } from './deadline.ts';
import { createDirect, type Direct } from './direct.ts';
import { newTrace, requestEntry, type Trace } from './trace.ts';
import type { Graphql, ServerContext } from './yoga.ts';

/** Bytes of a request body. */
const MAX_BODY = 100_000;

const REQUEST_ID = /^[\w.-]{1,64}$/;

/** What GraphiQL needs and nothing else: the page is one file. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data:; font-src data:; connect-src 'self'; frame-ancestors 'none'";

/** Milliseconds after which a database that says nothing counts as one that does not answer. */
const READY_WITHIN = 5_000;

/** Asks as a query does, in a transaction, so that it tells too when there are no connections for these. */
const isServing = (pool: Pool): Promise<boolean> =>
  inTransaction(
    pool,
    { organizationId: null, userId: null },
    async (db) => (await ask(db, query`select 1`)).length === 1,
    'read only',
  ).catch(() => false);

type Route = (parts: Parts) => Promise<Answer>;

const ROUTES: Record<string, Route> = {
  '/.well-known/jwks.json': async ({ identity }) =>
    json(200, await identity.keys.jwks(), { 'cache-control': 'public, max-age=3600' }),
  '/health/live': async () => json(200, { status: 'ok' }),
  '/health/ready': async ({ pool }) =>
    Promise.race([isServing(pool), sleep(READY_WITHIN, false, { ref: false })]).then((ready) =>
      ready ? json(200, { status: 'ok' }) : json(503, { status: 'the database does not answer' }),
    ),
};

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/';

/** For the log: a path that is no route may hold anything. */
function routeOf(req: IncomingMessage): string {
  const path = pathOf(req);
  return path === '/graphql' || Object.hasOwn(ROUTES, path) ? path : 'none';
}

/** The HTTP edge: request id, client address, size and type of the body; the rest is yoga's. */
export function createHandler(
  graphql: Graphql,
  parts: Parts,
  direct: Direct = createDirect(graphql, parts.config),
  inProgress = new Set<Work>(),
): RequestListener {
  const addressOf = createAddressOf(parts.config.trustedProxies);

  async function answer(req: IncomingMessage, requestId: string, work: Work, trace: Trace): Promise<Answer> {
    const path = pathOf(req);
    const route = Object.hasOwn(ROUTES, path) && req.method === 'GET' ? ROUTES[path] : undefined;
    if (route) return await route(parts);
    if (path !== '/graphql') return problem(404, 'Not here. The API is at /graphql.', requestId);
    const body = await readBody(req);
    if (body === null) return problem(413, `A request body has at most ${MAX_BODY} bytes.`, requestId);
    // Forms and plain text are what another site's page can send without asking (CSRF), so they are not taken.
    if (req.method === 'POST' && !isJson(req))
      return problem(415, 'Send JSON: content-type: application/json.', requestId);
    const server = serverContext(req, { requestId, work, trace });
    return (await direct(req, body, server)) ?? (await askYoga(req, body, server));
  }

  function serverContext(
    { headers, socket }: IncomingMessage,
    own: Pick<ServerContext, 'requestId' | 'work' | 'trace'>,
  ): ServerContext {
    const forwarded = headers['x-forwarded-for'];
    return {
      ...own,
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

  return (req, res) => {
    const given = req.headers['x-request-id'];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : crypto.randomUUID();
    const startedAt = performance.now();
    const [work, trace] = [newWork(), newTrace()];
    inProgress.add(work);
    res.once('close', () => {
      inProgress.delete(work);
      const { statusCode: status, writableFinished: isAnswered } = res;
      parts.log(requestEntry({ requestId, route: routeOf(req), status, startedAt, isAnswered }, trace, work));
    });
    withDeadline(work, parts.config.requestTimeoutMs, res, () => answer(req, requestId, work, trace))
      .catch((error: unknown) => {
        const known = domainError(error);
        trace.codes.add(known instanceof AmbitError ? known.code : 'INTERNAL');
        if (known instanceof AmbitError) return failure(known, requestId);
        parts.log({ level: 'error', requestId, error: describeError(error) });
        return problem(
          500,
          `Something went wrong on our side. Tell the operator the request id ${requestId}.`,
          requestId,
        );
      })
      .then((answered) => send(res, requestId, answered))
      .catch(() => res.destroy());
  };
}

/** The whole body, or null when it is too large. */
function readBody(req: IncomingMessage): Promise<Buffer | null> {
  if (Number(req.headers['content-length']) > MAX_BODY) return Promise.resolve(null);
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((done, fail) => {
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) done(null);
      else chunks.push(chunk);
    });
    req.on('end', () => done(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    req.on('error', fail);
  });
}

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
