import { and, eq, gt, sql } from 'drizzle-orm';
import { type Context, db, type RequestCounts, tenant } from '../../context.ts';
import type { Db } from '../../db/client.ts';
import { domainError, postgresError } from '../../db/constraints.ts';
import type { Pool } from '../../db/pool.ts';
import { inTransaction } from '../../db/transaction.ts';
import { createDelayedWork } from '../../lib/delayed.ts';
import { AmbitError } from '../../lib/errors.ts';
import { describeError, type Log, throttled } from '../../lib/log.ts';
import { requestCounts } from './table.ts';

/** Days for which the number of requests is kept. */
export const KEPT_DAYS = 400;

/** Milliseconds between the first request that is counted and the write of the counts. */
const WRITE_AFTER = 10_000;
/** Maximum number of organizations whose requests are kept in memory while they cannot be written. */
const MAX_ORGANIZATIONS = 20_000;
const LOG_INTERVAL = 60_000;
const DAY = 24 * 60 * 60 * 1_000;
/** SQLSTATE of a violated foreign key: the organization was deleted. */
const NO_ORGANIZATION = '23503';

/** Requests by day. A day is the number of days since 1970, in UTC. */
type Days = Map<number, number>;

export function createRequestCounts(
  pool: Pool,
  clock: () => Date,
  log: Log,
  writeAfter: number = WRITE_AFTER,
): RequestCounts {
  const report = throttled(LOG_INTERVAL, log);
  let counts = new Map<string, Days>();

  function addTo(organizationId: string, day: number, requests: number): void {
    if (!counts.has(organizationId) && counts.size >= MAX_ORGANIZATIONS) {
      report({ level: 'error', message: 'requests are not counted, because counts cannot be written' });
      return;
    }
    const days = counts.get(organizationId) ?? new Map<number, number>();
    days.set(day, (days.get(day) ?? 0) + requests);
    counts.set(organizationId, days);
    writing.schedule();
  }

  /** Stops at the first failure, because the others would probably fail too. */
  async function writeAll(): Promise<void> {
    const pending = counts;
    counts = new Map();
    for (const [organizationId, days] of pending) {
      pending.delete(organizationId);
      try {
        await inTransaction(pool, { organizationId, userId: null }, (tx) => upsert(tx, organizationId, days));
      } catch (error) {
        if (isFinal(error)) continue;
        report({ level: 'warn', message: 'the numbers of requests were not written', error: describeError(error) });
        for (const [id, kept] of [...pending, [organizationId, days] as const])
          for (const [day, requests] of kept) addTo(id, day, requests);
        return;
      }
    }
  }

  const writing = createDelayedWork(writeAll, writeAfter);
  return {
    add: (organizationId, requests) => addTo(organizationId, Math.floor(clock().getTime() / DAY), requests),
    write: writing.run,
  };
}

/** Whether the counts must not be written again: they may have been written, or the organization was deleted. */
function isFinal(error: unknown): boolean {
  const known = domainError(error);
  return (
    postgresError(error)?.code === NO_ORGANIZATION || (known instanceof AmbitError && known.code === 'OUTCOME_UNKNOWN')
  );
}

const dayText = (day: number): string => new Date(day * DAY).toISOString().slice(0, 10);

async function upsert(tx: Db, organizationId: string, days: Days): Promise<void> {
  await tx
    .insert(requestCounts)
    .values([...days].map(([day, requests]) => ({ organizationId, day: dayText(day), requests })))
    .onConflictDoUpdate({
      target: [requestCounts.organizationId, requestCounts.day],
      set: { requests: sql`${requestCounts.requests} + excluded.requests` },
    });
}

export interface DayOfRequests {
  /** When the day begins, in UTC. */
  day: Date;
  requests: number;
}

/** The requests of the last days, oldest first, including days without requests. */
export async function listRequests(ctx: Context, days: number): Promise<DayOfRequests[]> {
  if (days < 1 || days > KEPT_DAYS) throw new AmbitError('BAD_REQUEST', `\`days\` must be from 1 to ${KEPT_DAYS}.`);
  const today = Math.floor(ctx.dependencies.clock().getTime() / DAY);
  const rows = await (await db(ctx))
    .select({ day: requestCounts.day, requests: requestCounts.requests })
    .from(requestCounts)
    .where(and(eq(requestCounts.organizationId, tenant(ctx)), gt(requestCounts.day, dayText(today - days))));
  const requests = new Map(rows.map((row) => [row.day, row.requests]));
  return Array.from({ length: days }, (_, at) => today - days + 1 + at).map((day) => ({
    day: new Date(day * DAY),
    requests: requests.get(dayText(day)) ?? 0,
  }));
}
