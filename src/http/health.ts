import type { IncomingMessage, RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql as query } from 'drizzle-orm';
import type { Pool } from '../db/pool.ts';
import { queryRows } from '../db/reader.ts';
import { inTransaction } from '../db/transaction.ts';
import { METRICS_PATH, type MetricsRoute } from './metrics/route.ts';
import { errorResponse, type HttpResponse, jsonResponse, requestIdOf, send } from './response.ts';

/** Milliseconds that the database may take for the readiness check. */
const READY_TIMEOUT = 5_000;

const OK = jsonResponse(200, { status: 'ok' });

export const live = async (): Promise<HttpResponse> => OK;

/** Callers share the check in progress: they need no credential, so they must not use up connections. */
export function createReady(pool: Pool): () => Promise<HttpResponse> {
  let checking: Promise<HttpResponse> | undefined;
  return () => {
    checking ??= check(pool).finally(() => {
      checking = undefined;
    });
    return checking;
  };
}

/** Runs a statement in a transaction, as a query does. So it also fails when no connection is free for a query. */
async function check(pool: Pool): Promise<HttpResponse> {
  const isServing = inTransaction(
    pool,
    { organizationId: null, userId: null },
    async (db) => (await queryRows(db, query`select 1`)).length === 1,
    'read only',
  ).catch(() => false);
  const timeout = new AbortController();
  const late = sleep(READY_TIMEOUT, false, { ref: false, signal: timeout.signal }).catch(() => false);
  const isReady = await Promise.race([isServing, late]);
  timeout.abort();
  return isReady ? OK : notReady('unavailable', waitingFor(pool));
}

function waitingFor(pool: Pool): string {
  const { open, idle, waiting, failure } = pool.state();
  if (failure) return `a connection to the database (${failure})`;
  if (idle === 0) return `a free connection to the database (${open} in use, ${waiting} requests waiting)`;
  return 'a response from the database';
}

/** Serves the health checks, and `/metrics` if it is configured. For a process that only runs jobs. */
export function createHealthHandler(pool: Pool, metrics: MetricsRoute | null = null): RequestListener {
  const ready = createReady(pool);
  const respond = async (req: IncomingMessage, requestId: string): Promise<HttpResponse> => {
    if (req.url === '/health/live') return OK;
    if (req.url === '/health/ready') return await ready();
    if (req.url === METRICS_PATH && metrics) return await metrics(req);
    return errorResponse(404, 'This process runs jobs and serves no requests (ROLE=worker).', requestId);
  };
  return (req, res) => {
    const requestId = requestIdOf(req);
    // Reads the body, so that the response is not lost when the connection is closed.
    req.resume();
    void respond(req, requestId).then((response) => send(res, requestId, response));
  };
}

const notReady = (status: string, what: string): HttpResponse =>
  jsonResponse(503, { status, waitingFor: what }, { 'retry-after': '1' });

/** The response of a server that is starting or stopping. */
export function notServing(req: IncomingMessage, status: 'starting' | 'stopping', what: string): HttpResponse {
  if (req.url === '/health/live') return OK;
  if (req.url === '/health/ready') return notReady(status, what);
  return errorResponse(503, `The server is ${status}. Try again in a moment.`, requestIdOf(req));
}
