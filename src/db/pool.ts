import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { type AmbitError, unavailable } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Connection, LossCause } from './connection.ts';
import { createLookups } from './lookups.ts';
import { createOpener } from './opener.ts';
import { createShares, type Waiter } from './shares.ts';
import type { Work } from './work.ts';

export interface PoolOptions {
  /** Connections for transactions. One more serves single statements. */
  size: number;
  /** Milliseconds that a request waits for a connection. */
  waitMs: number;
  /** Requests that may wait for a connection. */
  queue: number;
  /** Milliseconds without a byte after which a connection with a pending statement is closed. */
  silenceMs: number;
  /** Settings that each transaction makes for itself, by PostgreSQL's names. */
  settings: Record<string, string>;
  open(onLost: (connection: Connection, cause: LossCause) => void): Promise<Connection>;
  log: Log;
}

export interface PoolState {
  open: number;
  idle: number;
  waiting: number;
  /** Code of the last failed attempt to connect, until one succeeds. */
  failure: string | null;
}

export interface Pool {
  /** Runs single statements on a connection that no transaction uses. */
  readonly sql: Sql;
  readonly settings: Record<string, string>;
  /** Waits for a connection for a request of this organization. Fails with UNAVAILABLE when there is none in time. */
  acquire(organization: string, work: Work): Promise<Connection>;
  release(organization: string, connection: Connection): void;
  state(): PoolState;
  /** Ends when all transactions have ended, or after these milliseconds. */
  end(timeoutMs?: number): Promise<void>;
}

/** Milliseconds between two checks of deadlines, silence and age. */
const CHECK_EVERY = 250;
/** Milliseconds after which an idle connection is tested. */
const TEST_IDLE = 15_000;
/** Milliseconds in which a message is logged at most once. */
const LOG_EVERY = 5_000;

export function createPool(options: PoolOptions): Pool {
  const shares = createShares<Connection>(options.size, options.queue);
  const log = atMostOnceIn(LOG_EVERY, options.log);
  const idle: Connection[] = [];
  /** Given back in this turn of the event loop. */
  const returned: { organization: string; connection: Connection }[] = [];
  let isScheduled = false;
  let isEnded = false;
  /** Connections that were opened before are replaced. */
  let renewBefore = 0;

  const shared = { open: options.open, log, onLost: drop };
  const opener = createOpener({
    ...shared,
    size: options.size,
    missing: () => shares.demand() - idle.length - returned.length,
    onOpen: giveOut,
  });
  const lookups = createLookups({
    opener: () => lookupOpener,
    openOwn: () => options.open(() => undefined),
    waitMs: options.waitMs,
    queue: options.queue,
    exhausted,
  });
  const lookupOpener = createOpener({ ...shared, size: 1, missing: lookups.missing, onOpen: lookups.use });

  function acquire(organization: string, work: Work): Promise<Connection> {
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
        until: since + options.waitMs,
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

  /** A connection changes hands only when everything that was sent on it is answered. */
  function release(organization: string, connection: Connection): void {
    connection.whenQuiet(() => {
      returned.push({ organization, connection });
      schedule();
    });
  }

  /**
   * Once for each turn of the event loop, so that a request can go on where another one ends in the same turn: a COMMIT
   * and a BEGIN are one message then.
   */
  function schedule(): void {
    if (!isScheduled) setImmediate(serve);
    isScheduled = true;
  }

  function serve(): void {
    isScheduled = false;
    const ready: Connection[] = [];
    for (const { organization, connection } of returned.splice(0)) {
      shares.giveBack(organization);
      if (isUsable(connection)) ready.push(connection);
    }
    while (ready.length + idle.length > 0) {
      const waiter = shares.next();
      if (!waiter) break;
      waiter.resolve((ready.pop() ?? idle.pop()) as Connection);
    }
    for (const connection of ready) void park(connection);
    if (shares.waiting > 0) opener.fill();
  }

  async function park(connection: Connection): Promise<void> {
    if (connection.hasOpenTransaction) await connection.send('commit').catch(() => undefined);
    connection.hasOpenTransaction = false;
    if (isUsable(connection)) giveOut(connection);
    else opener.fill();
  }

  function giveOut(connection: Connection): void {
    idle.push(connection);
    if (shares.waiting > 0) schedule();
  }

  /** Whether another transaction can run on it. Otherwise it leaves the pool. */
  function isUsable(connection: Connection): boolean {
    if (connection.lost) return false;
    if (!isOld(connection)) return true;
    log({ level: 'info', message: 'database connection renewed' });
    void opener.retire(connection);
    return false;
  }

  const isOld = ({ openedAt, renewAt }: Connection): boolean => openedAt < renewBefore || performance.now() > renewAt;

  function drop(connection: Connection, cause: LossCause): void {
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    // The tables have changed, so the statements of the other connections no longer fit either.
    if (cause === 'STALE') renewBefore = performance.now();
  }

  function exhausted(): AmbitError {
    log({ level: 'warn', message: 'database pool exhausted', ...state() });
    return unavailable('Too many requests wait for the database. Try again in a moment.');
  }

  function check(): void {
    const now = performance.now();
    const late = shares.removeLate(now);
    if (late.length > 0) log({ level: 'warn', message: 'database pool exhausted', timedOut: late.length, ...state() });
    for (const { reject } of late) reject(unavailable());
    lookups.failLate(now);
    for (const organization of shares.exhausted())
      log({ level: 'warn', message: 'organization over its share of the database pool', organization });
    closeSilent(now);
    idle.push(...idle.splice(0).filter(isUsable));
    renewLookups();
    opener.fill();
    lookupOpener.fill();
  }

  function renewLookups(): void {
    const { connection } = lookups;
    if (!connection || !isOld(connection)) return;
    lookups.drop();
    void lookupOpener.retire(connection);
  }

  /**
   * The server cancels a statement before `silenceMs`, so a connection that is silent for longer is dead. Those from
   * which nothing has come since then are dead as well.
   */
  function closeSilent(now: number): void {
    const all = [...opener.connections, ...lookupOpener.connections];
    let deadSince = 0;
    for (const connection of all) {
      const { heardAt, waitsSince } = connection.silence();
      // Lookups are short, and idle connections are only tested.
      const isShort = connection === lookups.connection || idle.includes(connection);
      const limit = isShort ? Math.min(options.waitMs, options.silenceMs) : options.silenceMs;
      if (now - waitsSince > limit) deadSince = Math.max(deadSince, waitsSince);
      else if (isShort && connection.pending === 0 && now - heardAt > TEST_IDLE) connection.probe();
    }
    if (deadSince === 0) return;
    for (const one of all) if (one.silence().heardAt <= deadSince + CHECK_EVERY) one.destroy('SILENT');
  }

  const state = (): PoolState => ({
    open: opener.connections.size,
    idle: idle.length,
    waiting: shares.waiting,
    failure: opener.failure() ?? lookupOpener.failure(),
  });

  async function end(timeoutMs = 5_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    const isBusy = (): boolean => shares.waiting > 0 || isScheduled || idle.length < opener.connections.size;
    while (isBusy() && performance.now() < until) await sleep(5);
    isEnded = true;
    clearInterval(checking);
    for (const { reject } of shares.removeLate(Number.POSITIVE_INFINITY)) reject(unavailable());
    lookups.end();
    await Promise.all([opener.end(), lookupOpener.end()]);
  }

  const checking = setInterval(check, CHECK_EVERY).unref();
  return { sql: lookups.sql, settings: options.settings, acquire, release, state, end };
}

/** Drops entries with the same message that follow too soon. */
function atMostOnceIn(milliseconds: number, log: Log): Log {
  const loggedAt = new Map<unknown, number>();
  return (entry) => {
    const now = performance.now();
    if (now - (loggedAt.get(entry['message']) ?? Number.NEGATIVE_INFINITY) < milliseconds) return;
    loggedAt.set(entry['message'], now);
    log(entry);
  };
}
