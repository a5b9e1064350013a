import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { type AmbitError, unavailable } from '../lib/errors.ts';
import { type Log, throttled } from '../lib/log.ts';
import type { Connection, LossCause } from './connection.ts';
import { createConnector } from './connector.ts';
import { createLookupConnections } from './lookup-connections.ts';
import { createPlacement } from './placement.ts';
import { createResponseCheck, type Watched } from './response-check.ts';
import { createShares, type Waiter } from './shares.ts';
import type { Work } from './work.ts';

export interface PoolOptions {
  /** Connections for transactions. One more serves single statements. */
  size: number;
  /** Milliseconds that a request waits for a connection. */
  waitMs: number;
  /** Maximum number of requests that wait for a connection. */
  queue: number;
  /** Milliseconds without received data after which a connection with a pending statement is closed. */
  responseTimeoutMs: number;
  /** Milliseconds that an idle connection keeps a read-only transaction open. */
  endAfterMs: number;
  /** PostgreSQL settings that each transaction sets for itself, with their values as SQL. */
  settings: Record<string, string>;
  open(onLost: (connection: Connection, cause: LossCause) => void): Promise<Connection>;
  log: Log;
}

export interface PoolState {
  open: number;
  idle: number;
  waiting: number;
  /** Error code of the last attempt to connect, or null if it succeeded. */
  failure: string | null;
}

/** Counts since the start of the process. */
export interface PoolTotals {
  /** Transactions by mode and by how they were ended. */
  readonly transactions: Record<'read only' | 'read write', Record<'commit' | 'rollback', number>>;
  /** Requests that got no connection. */
  rejected: number;
  connectionFailures: number;
  connectionsLost: number;
}

export interface Pool {
  /** Runs single statements on a connection that no transaction uses. In a Citus cluster, they must not use a worker. */
  readonly sql: Sql;
  /**
   * Runs single statements that read rows of this organization. Empty for statements without an organization. In a Citus
   * cluster, each worker has a connection of its own for them. So a worker that does not respond delays only its
   * organizations.
   */
  lookupsOf(organization: string): Promise<Sql>;
  /** Whether the database is the coordinator of a Citus cluster. */
  readonly isCluster: boolean;
  readonly settings: Record<string, string>;
  /** Waits for a connection for a request of this organization. Throws UNAVAILABLE if none is free in time. */
  acquire(organization: string, work: Work): Promise<Connection>;
  release(organization: string, connection: Connection): void;
  /** Replaces the connections, each when it is not in use. */
  renew(): void;
  state(): PoolState;
  readonly totals: PoolTotals;
  /** Closes the pool when all transactions have ended, or after `timeoutMs`. */
  end(timeoutMs?: number): Promise<void>;
}

/** Milliseconds between two checks of deadlines, responsiveness and age. */
const CHECK_EVERY = 250;
/** Minimum of milliseconds between two log entries with the same message. */
const LOG_EVERY = 5_000;

export function createPool(options: PoolOptions): Pool {
  const shares = createShares<Connection>(options.size, options.queue);
  const log = throttled(LOG_EVERY, options.log);
  const idle: Connection[] = [];
  /** Connections that were released in this iteration of the event loop. */
  const returned: { organization: string; connection: Connection }[] = [];
  let isScheduled = false;
  let isEnded = false;
  /** Connections that were opened before this time are replaced. */
  let renewBefore = 0;
  let endTimer: NodeJS.Timeout | undefined;

  const totals = newTotals();
  const open: PoolOptions['open'] = (onLost) =>
    options.open(onLost).catch((error: unknown) => {
      totals.connectionFailures += 1;
      throw error;
    });
  const onOpen = (connection: Connection): void => {
    placement.isCluster ||= connection.isInCluster;
  };
  const shared = { open, log, onLost: drop };
  const connector = createConnector({
    ...shared,
    size: options.size,
    missing: () => shares.demand() - idle.length - returned.length,
    onOpen(connection) {
      onOpen(connection);
      addIdle(connection);
    },
  });
  const lookups = createLookupConnections({
    ...shared,
    onOpen,
    waitMs: options.waitMs,
    transactionMs: options.responseTimeoutMs,
    queue: options.queue,
    exhausted,
  });
  const placement = createPlacement(lookups.sql);
  const closeUnresponsive = createResponseCheck(CHECK_EVERY, options.responseTimeoutMs);

  const lookupsOf = async (organization: string): Promise<Sql> => lookups.sqlOf(await placement.workerOf(organization));

  function acquire(organization: string, work: Work): Promise<Connection> {
    const worker = placement.workerOf(organization);
    return typeof worker === 'string'
      ? enqueue(organization, worker, work)
      : worker.then((found) => enqueue(organization, found, work));
  }

  function enqueue(organization: string, worker: string, work: Work): Promise<Connection> {
    if (work.stopped) return Promise.reject(work.stopped);
    if (isEnded) return Promise.reject(unavailable());
    return new Promise((resolve, reject) => {
      const since = performance.now();
      const end = (): void => {
        work.onStop.delete(leave);
        work.waitedMs += performance.now() - since;
      };
      const waiter: Waiter<Connection> = {
        owner: organization,
        worker,
        deadline: since + options.waitMs,
        resolve(connection) {
          end();
          resolve(connection);
        },
        reject(error) {
          end();
          reject(error);
        },
      };
      const leave = (): void => {
        if (shares.remove(waiter)) waiter.reject(work.stopped);
      };
      if (!shares.add(waiter)) return reject(exhausted());
      work.onStop.add(leave);
      schedule();
    });
  }

  /** The connection is reused only when no statement on it is pending. */
  function release(organization: string, connection: Connection): void {
    connection.whenQuiet(() => {
      returned.push({ organization, connection });
      schedule();
    });
  }

  /**
   * Connections are assigned once per iteration of the event loop. So the next request can use a connection that is
   * released in the same iteration, and COMMIT and BEGIN are sent as one message.
   */
  function schedule(): void {
    if (!isScheduled) setImmediate(serve);
    isScheduled = true;
  }

  function serve(): void {
    isScheduled = false;
    const ready: Connection[] = [];
    for (const { organization, connection } of returned.splice(0)) {
      shares.release(organization);
      if (isUsable(connection)) ready.push(connection);
    }
    while (ready.length + idle.length > 0) {
      const waiter = shares.next();
      if (!waiter) break;
      waiter.resolve((ready.pop() ?? idle.pop()) as Connection);
    }
    for (const connection of ready) addIdle(connection);
    if (shares.waiting > 0) connector.fill();
  }

  /**
   * Under load the next BEGIN follows within milliseconds, and COMMIT is sent together with it. That saves a message per
   * query. Otherwise COMMIT is sent alone, so that no snapshot stays open.
   */
  function endIdleTransactions(): void {
    endTimer = undefined;
    const open = idle.filter(({ unfinished }) => unfinished);
    for (const connection of open) {
      idle.splice(idle.indexOf(connection), 1);
      void endAndAddIdle(connection);
    }
  }

  async function endAndAddIdle(connection: Connection): Promise<void> {
    if (!connection.lost) await connection.send(connection.unfinished ?? 'rollback').catch(() => undefined);
    connection.unfinished = null;
    if (isUsable(connection)) addIdle(connection);
    else connector.fill();
  }

  function addIdle(connection: Connection): void {
    idle.push(connection);
    if (connection.unfinished) endTimer ??= setTimeout(endIdleTransactions, options.endAfterMs);
    if (shares.waiting > 0) schedule();
  }

  /** Whether another transaction can run on the connection. Otherwise it is removed from the pool. */
  function isUsable(connection: Connection): boolean {
    if (connection.lost) return false;
    // The coordinator may have dead connections to the worker for the other connections of the pool too.
    if (connection.hasTimedOut) renewBefore = performance.now();
    if (!isOld(connection)) return true;
    log({ level: 'info', message: 'database connection renewed' });
    void connector.retire(connection);
    return false;
  }

  const isOld = ({ openedAt, renewAt }: Connection): boolean => openedAt < renewBefore || performance.now() > renewAt;

  function drop(connection: Connection, cause: LossCause): void {
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    totals.connectionsLost += 1;
    // The tables have changed, so the prepared statements of the other connections are stale too.
    if (cause === 'STALE') renew();
  }

  function renew(): void {
    renewBefore = performance.now();
    renewIdle();
  }

  function exhausted(): AmbitError {
    totals.rejected += 1;
    log({ level: 'warn', message: 'database pool exhausted', ...state() });
    return unavailable('Too many requests are waiting for the database. Try again in a moment.');
  }

  function check(): void {
    const now = performance.now();
    const expired = shares.removeExpired(now);
    totals.rejected += expired.length;
    if (expired.length > 0)
      log({ level: 'warn', message: 'database pool exhausted', timedOut: expired.length, ...state() });
    for (const { reject } of expired) reject(unavailable());
    lookups.failExpired(now);
    for (const organization of shares.exhausted())
      log({ level: 'warn', message: 'organization over its share of the database pool', organization });
    // The coordinator keeps a connection to each worker for each connection of the pool, and does not notice that it is dead.
    if (closeUnresponsive(now, watched())) renewBefore = now;
    renewIdle();
    connector.fill();
    lookups.maintain(isOld);
  }

  function renewIdle(): void {
    idle.push(...idle.splice(0).filter(isUsable));
  }

  const watched = (): Watched[] => [
    ...[...connector.connections].map((connection) => ({
      connection,
      isShort: idle.includes(connection),
      usesWorker: placement.isCluster,
    })),
    ...lookups.all().map((connection) => ({
      connection,
      isShort: true,
      usesWorker: placement.isCluster && lookups.usesWorker(connection),
    })),
  ];

  const state = (): PoolState => ({
    open: connector.connections.size,
    idle: idle.length,
    waiting: shares.waiting,
    failure: connector.failure() ?? lookups.failure(),
  });

  async function end(timeoutMs = 5_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    const isBusy = (): boolean => shares.waiting > 0 || isScheduled || idle.length < connector.connections.size;
    while (isBusy() && performance.now() < until) await sleep(5);
    isEnded = true;
    clearInterval(checking);
    clearTimeout(endTimer);
    for (const { reject } of shares.removeExpired(Number.POSITIVE_INFINITY)) reject(unavailable());
    await Promise.all([connector.end(), lookups.end()]);
  }

  const checking = setInterval(check, CHECK_EVERY).unref();
  return {
    sql: lookups.sql,
    lookupsOf,
    get isCluster() {
      return placement.isCluster;
    },
    settings: options.settings,
    acquire,
    release,
    renew,
    state,
    totals,
    end,
  };
}

const newTotals = (): PoolTotals => ({
  transactions: { 'read only': { commit: 0, rollback: 0 }, 'read write': { commit: 0, rollback: 0 } },
  rejected: 0,
  connectionFailures: 0,
  connectionsLost: 0,
});
