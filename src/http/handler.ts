import type { IncomingMessage, RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql as query } from 'drizzle-orm';
import type { Sql } from 'postgres';
import type { Parts } from '../context.ts';
import { ask } from '../db/reader.ts';
import { inTransaction } from '../db/transaction.ts';
import { createAddressOf } from './address.ts';
import { type Answer, json, problem, requestIdOf } from './answer.ts';
import { createDirect, type Direct } from './direct.ts';
import { createRequestMemory, type RequestMemory } from './memory.ts';
import { createOutbox } from './outbox.ts';
import type { Graphql, ServerContext } from './yoga.ts';

/** Bytes of a request body. */
const MAX_BODY = 100_000;

/** What GraphiQL needs and nothing else: the page is one file. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data:; font-src data:; connect-src 'self'; frame-ancestors 'none'";

/** Milliseconds after which a database that says nothing counts as one that does not answer. */
const READY_WITHIN = 5_000;

/** Asks as a query does, in a transaction, so that it tells too when there are no connections for these. */
const isServing = (sql: Sql): Promise<boolean> =>
  inTransaction(
    sql,
    { organizationId: null, userId: null },
    async (db) => (await ask(db, query`select 1`)).length === 1,
    'read only',
  ).catch(() => false);

type Route = (parts: Parts) => Promise<Answer>;

const ROUTES: Record<string, Route> = {
  '/.well-known/jwks.json': async ({ identity }) =>
    json(200, await identity.keys.jwks(), { 'cache-control': 'public, max-age=3600' }),
  '/health/live': async () => json(200, { status: 'ok' }),
  '/health/ready': async ({ sql }) =>
    Promise.race([isServing(sql), sleep(READY_WITHIN, false, { ref: false })]).then((ready) =>
      ready ? json(200, { status: 'ok' }) : json(503, { status: 'the database does not answer' }),
    ),
};

/** The HTTP edge: request id, client address, size and type of the body; the rest is yoga's. */
export function createHandler(
  graphql: Graphql,
  parts: Parts,
  direct: Direct = createDirect(graphql, parts.config),
  memory: RequestMemory = createRequestMemory(parts.config.requestMemory),
): RequestListener {
  const outbox = createOutbox(parts.config, parts.log);
  const addressOf = createAddressOf(parts.config.trustedProxies);

  async function answer(req: IncomingMessage, requestId: string): Promise<Answer> {
    const [path = '/'] = (req.url ?? '/').split('?', 1);
    const route = Object.hasOwn(ROUTES, path) && req.method === 'GET' ? ROUTES[path] : undefined;
    if (route) return await route(parts);
    if (path !== '/graphql') return problem(404, 'Not here. The API is at /graphql.', requestId);
    if (memory.isFull()) return busy(requestId);
    const body = await memory.readBody(req, MAX_BODY);
    if (body === 'incomplete') return busy(requestId, { connection: 'close' });
    if (body === 'too large') return problem(413, `A request body has at most ${MAX_BODY} bytes.`, requestId);
    // Forms and plain text are what another site's page can send without asking (CSRF), so they are not taken.
    if (req.method === 'POST' && !isJson(req))
      return problem(415, 'Send JSON: content-type: application/json.', requestId);
    const server = serverContext(req, requestId);
    const work = async () => (await direct(req, body, server)) ?? (await askYoga(req, body, server));
    return (await memory.during(body.length, work)) ?? busy(requestId);
  }

  function serverContext({ headers, socket }: IncomingMessage, requestId: string): ServerContext {
    const forwarded = headers['x-forwarded-for'];
    return {
      requestId,
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
    const requestId = requestIdOf(req);
    answer(req, requestId)
      .catch((error: unknown) => {
        parts.log({ level: 'error', requestId, error: error instanceof Error ? error.stack : String(error) });
        return problem(
          500,
          `Something went wrong on our side. Tell the operator the request id ${requestId}.`,
          requestId,
        );
      })
      .then((answered) => outbox.send(res, requestId, answered))
      .catch(() => res.destroy());
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
