import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { type AmbitError, unavailable } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Connection, LossCause } from './connection.ts';
import { type Connector, createConnector } from './connector.ts';
import { createLookups, type Lookups } from './lookups.ts';
import { createPlacement } from './placement.ts';
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

export interface Pool {
  /** Runs single statements on a connection that no transaction uses. In a Citus cluster, they must not use a worker. */
  readonly sql: Sql;
  /**
   * Runs single statements that read rows of this organization. In a Citus cluster, each worker has a connection for them.
   * So a worker that does not respond delays no organization of the others.
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
  /** Closes the pool when all transactions have ended, or after `timeoutMs`. */
  end(timeoutMs?: number): Promise<void>;
}

/** Milliseconds between two checks of deadlines, responsiveness and age. */
const CHECK_EVERY = 250;
/** Milliseconds that a lookup or the test of an idle connection may take. */
const LOOKUP_TIMEOUT = 5_000;
/** Milliseconds after which an idle connection is tested. */
const TEST_IDLE_AFTER = 15_000;
/** Minimum of milliseconds between two log entries with the same message. */
const LOG_EVERY = 5_000;

/** A connection for single statements. */
interface Lane {
  readonly lookups: Lookups;
  readonly connector: Connector;
}

export function createPool(options: PoolOptions): Pool {
  const shares = createShares<Connection>(options.size, options.queue);
  const log = throttle(LOG_EVERY, options.log);
  const idle: Connection[] = [];
  /** Connections that were released in this iteration of the event loop. */
  const returned: { organization: string; connection: Connection }[] = [];
  let isScheduled = false;
  let isEnded = false;
  /** Connections that were opened before this time are replaced. */
  let renewBefore = 0;
  let checkedAt = performance.now();
  let endTimer: NodeJS.Timeout | undefined;

  const shared = { open: options.open, log, onLost: drop };
  const connector = createConnector({
    ...shared,
    size: options.size,
    missing: () => shares.demand() - idle.length - returned.length,
    onOpen(connection) {
      placement.isCluster ||= connection.isInCluster;
      addIdle(connection);
    },
  });
  const coordinator = createLane();
  /** By the worker. */
  const lanes = new Map([['', coordinator]]);
  const placement = createPlacement(coordinator.lookups.sql);

  function createLane(): Lane {
    const lookups = createLookups({
      connector: () => lane.connector,
      openOwn: () => options.open(() => undefined),
      waitMs: options.waitMs,
      transactionMs: options.responseTimeoutMs,
      queue: options.queue,
      exhausted,
    });
    const onOpen = (connection: Connection): void => {
      placement.isCluster ||= connection.isInCluster;
      lookups.use(connection);
    };
    const lane = { lookups, connector: createConnector({ ...shared, size: 1, missing: lookups.missing, onOpen }) };
    return lane;
  }

  function laneOf(worker: string): Lane {
    const lane = lanes.get(worker) ?? createLane();
    if (isEnded) lane.lookups.end();
    lanes.set(worker, lane);
    return lane;
  }

  async function lookupsOf(organization: string): Promise<Sql> {
    return laneOf(await placement.workerOf(organization)).lookups.sql;
  }

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
    if (!isOld(connection)) return true;
    log({ level: 'info', message: 'database connection renewed' });
    void connector.retire(connection);
    return false;
  }

  const isOld = ({ openedAt, renewAt }: Connection): boolean => openedAt < renewBefore || performance.now() > renewAt;

  function drop(connection: Connection, cause: LossCause): void {
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    // The tables have changed, so the prepared statements of the other connections are stale too.
    if (cause === 'STALE') renew();
  }

  function renew(): void {
    renewBefore = performance.now();
    renewIdle();
  }

  function exhausted(): AmbitError {
    log({ level: 'warn', message: 'database pool exhausted', ...state() });
    return unavailable('Too many requests are waiting for the database. Try again in a moment.');
  }

  function check(): void {
    const now = performance.now();
    const expired = shares.removeExpired(now);
    if (expired.length > 0)
      log({ level: 'warn', message: 'database pool exhausted', timedOut: expired.length, ...state() });
    for (const { reject } of expired) reject(unavailable());
    for (const { lookups } of lanes.values()) lookups.failExpired(now);
    for (const organization of shares.exhausted())
      log({ level: 'warn', message: 'organization over its share of the database pool', organization });
    closeUnresponsive(now);
    renewIdle();
    connector.fill();
    for (const lane of lanes.values()) {
      renewLookups(lane);
      lane.connector.fill();
    }
  }

  function renewIdle(): void {
    idle.push(...idle.splice(0).filter(isUsable));
  }

  function renewLookups({ lookups, connector: own }: Lane): void {
    const { connection } = lookups;
    if (!connection || !isOld(connection)) return;
    lookups.drop();
    void own.retire(connection);
  }

  /**
   * The server cancels a statement before `responseTimeoutMs`, so a connection without any data for longer is dead.
   * Every connection that has received nothing since then is dead as well. In a cluster, the statement may wait for a worker,
   * which tells nothing about the other connections.
   */
  function closeUnresponsive(now: number): void {
    const isLate = now - checkedAt > 4 * CHECK_EVERY;
    checkedAt = now;
    // The event loop was blocked. What has arrived in the meantime is not read yet.
    if (isLate) return;
    const ofLanes = [...lanes.values()].flatMap((lane) => [...lane.connector.connections]);
    const all = [...connector.connections, ...ofLanes];
    let deadSince = 0;
    for (const connection of all) {
      const { lastByteAt, waitingSince } = connection.activity();
      // Lookups and the tests of idle connections take little time.
      const isShort = ofLanes.includes(connection) || idle.includes(connection);
      const limit = isShort ? Math.min(LOOKUP_TIMEOUT, options.responseTimeoutMs) : options.responseTimeoutMs;
      const usesWorker = placement.isCluster && connection !== coordinator.lookups.connection;
      if (now - waitingSince > limit && usesWorker) {
        connection.destroy('UNRESPONSIVE');
        // The coordinator keeps a connection to each worker for each of ours, and does not notice that it is dead.
        renewBefore = now;
      } else if (now - waitingSince > limit) deadSince = Math.max(deadSince, waitingSince);
      else if (isShort && connection.pending === 0 && now - lastByteAt > TEST_IDLE_AFTER) connection.probe();
    }
    if (deadSince === 0) return;
    for (const one of all) if (one.activity().lastByteAt <= deadSince + CHECK_EVERY) one.destroy('UNRESPONSIVE');
  }

  const state = (): PoolState => ({
    open: connector.connections.size,
    idle: idle.length,
    waiting: shares.waiting,
    failure: connector.failure() ?? coordinator.connector.failure(),
  });

  async function end(timeoutMs = 5_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    const isBusy = (): boolean => shares.waiting > 0 || isScheduled || idle.length < connector.connections.size;
    while (isBusy() && performance.now() < until) await sleep(5);
    isEnded = true;
    clearInterval(checking);
    clearTimeout(endTimer);
    for (const { reject } of shares.removeExpired(Number.POSITIVE_INFINITY)) reject(unavailable());
    for (const { lookups } of lanes.values()) lookups.end();
    await Promise.all([connector.end(), ...[...lanes.values()].map((lane) => lane.connector.end())]);
  }

  const checking = setInterval(check, CHECK_EVERY).unref();
  return {
    sql: coordinator.lookups.sql,
    lookupsOf,
    get isCluster() {
      return placement.isCluster;
    },
    settings: options.settings,
    acquire,
    release,
    renew,
    state,
    end,
  };
}

/** Drops an entry if one with the same message was logged less than this many milliseconds ago. */
function throttle(milliseconds: number, log: Log): Log {
  const loggedAt = new Map<unknown, number>();
  return (entry) => {
    const now = performance.now();
    if (now - (loggedAt.get(entry['message']) ?? Number.NEGATIVE_INFINITY) < milliseconds) return;
    loggedAt.set(entry['message'], now);
    log(entry);
  };
}
