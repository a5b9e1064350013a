import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Parts } from '../context.ts';
import { createAddressOf } from './address.ts';
import type { Yoga } from './yoga.ts';

/** Bytes of a request body. */
const MAX_BODY = 100_000;

const REQUEST_ID = /^[\w.-]{1,64}$/;

/** What GraphiQL needs and nothing else: the page is one file. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data:; font-src data:; connect-src 'self'; frame-ancestors 'none'";

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

type Route = (parts: Parts) => Promise<Answer>;

const ROUTES: Record<string, Route> = {
  '/.well-known/jwks.json': async ({ identity }) => ({
    status: 200,
    headers: { 'cache-control': 'public, max-age=3600' },
    body: await identity.keys.jwks(),
  }),
  '/health/live': async () => ({ status: 200, body: { status: 'ok' } }),
  '/health/ready': async ({ sql }) =>
    sql`select 1`.then(
      () => ({ status: 200, body: { status: 'ok' } }),
      () => ({ status: 503, body: { status: 'the database does not answer' } }),
    ),
};

/** The HTTP edge: request id, client address, size and type of the body; the rest is yoga's. */
export function createHandler(yoga: Yoga, parts: Parts): RequestListener {
  const addressOf = createAddressOf(parts.config.trustedProxies);

  async function answer(req: IncomingMessage, res: ServerResponse, requestId: string): Promise<void> {
    const [path = '/'] = (req.url ?? '/').split('?');
    const route = Object.hasOwn(ROUTES, path) && req.method === 'GET' ? ROUTES[path] : undefined;
    if (route) return send(res, await route(parts));
    if (path !== '/graphql') return send(res, problem(404, 'Not here. The API is at /graphql.', requestId));
    const body = await readBody(req);
    if (body === null) return send(res, problem(413, `A request body has at most ${MAX_BODY} bytes.`, requestId));
    // Forms and plain text are what another site's page can send without asking (CSRF), so they are not taken.
    if (req.method === 'POST' && !isJson(req))
      return send(res, problem(415, 'Send JSON: content-type: application/json.', requestId));
    const forwarded = req.headers['x-forwarded-for'];
    const address = addressOf(
      req.socket.remoteAddress ?? 'unknown',
      Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    );
    const response = await yoga.fetch(
      `http://localhost${req.url}`,
      { method: req.method ?? 'GET', headers: headersOf(req), ...(body.length > 0 && { body }) } as RequestInit,
      { requestId, address },
    );
    await sendResponse(res, response);
  }

  return (req, res) => {
    const given = req.headers['x-request-id'];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : crypto.randomUUID();
    res.setHeader('x-request-id', requestId);
    res.setHeader('x-content-type-options', 'nosniff');
    answer(req, res, requestId).catch((error: unknown) => {
      parts.log({ level: 'error', requestId, error: error instanceof Error ? error.stack : String(error) });
      if (res.headersSent) res.destroy();
      else
        send(
          res,
          problem(500, `Something went wrong on our side. Tell the operator the request id ${requestId}.`, requestId),
        );
    });
  };
}

/** The whole body, or null when it is too large. */
async function readBody(req: IncomingMessage): Promise<Buffer | null> {
  if (Number(req.headers['content-length']) > MAX_BODY) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const isJson = (req: IncomingMessage): boolean => /^application\/json\s*(;|$)/i.test(req.headers['content-type'] ?? '');

const headersOf = (req: IncomingMessage): [string, string][] =>
  Object.entries(req.headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));

function problem(status: number, message: string, requestId: string): Answer {
  const code = { 404: 'NOT_FOUND', 500: 'INTERNAL' }[status] ?? 'BAD_REQUEST';
  return { status, body: { errors: [{ message, extensions: { code, requestId } }] } };
}

function send(res: ServerResponse, { status, headers, body }: Answer): void {
  const close = status === 413 ? { connection: 'close' } : {};
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    ...headers,
    ...close,
  });
  res.end(JSON.stringify(body));
}

async function sendResponse(res: ServerResponse, response: Response): Promise<void> {
  const isPage = response.headers.get('content-type')?.startsWith('text/html');
  res.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    'cache-control': 'no-store',
    ...(isPage && { 'content-security-policy': PAGE_POLICY }),
  });
  res.end(await response.text());
}
