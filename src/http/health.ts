import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql as query } from 'drizzle-orm';
import type { Pool } from '../db/pool.ts';
import { ask } from '../db/reader.ts';
import { inTransaction } from '../db/transaction.ts';
import { type Answer, json, problem, requestIdOf } from './answer.ts';

/** Milliseconds after which a database that says nothing counts as one that does not answer. */
const READY_WITHIN = 5_000;

const OK = json(200, { status: 'ok' });

export const live = async (): Promise<Answer> => OK;

/** Asks as a query does, in a transaction, so that it also notices when there are no connections for these. */
export async function ready(pool: Pool): Promise<Answer> {
  const isServing = inTransaction(
    pool,
    { organizationId: null, userId: null },
    async (db) => (await ask(db, query`select 1`)).length === 1,
    'read only',
  ).catch(() => false);
  const timeout = new AbortController();
  const late = sleep(READY_WITHIN, false, { ref: false, signal: timeout.signal }).catch(() => false);
  const isReady = await Promise.race([isServing, late]);
  timeout.abort();
  return isReady ? OK : notReady('unavailable', waitingFor(pool));
}

function waitingFor(pool: Pool): string {
  const { open, idle, waiting, failure } = pool.state();
  if (failure) return `a connection to the database (${failure})`;
  if (idle === 0) return `a free connection to the database (${open} in use, ${waiting} requests wait)`;
  return 'an answer of the database';
}

const notReady = (status: string, what: string): Answer =>
  json(503, { status, waitingFor: what }, { 'retry-after': '1' });

/** The answer of a server that is starting or stopping. */
export function outOfService(req: IncomingMessage, status: 'starting' | 'stopping', what: string): Answer {
  if (req.url === '/health/live') return OK;
  if (req.url === '/health/ready') return notReady(status, what);
  return problem(503, `The server is ${status}. Try again in a moment.`, requestIdOf(req));
}
