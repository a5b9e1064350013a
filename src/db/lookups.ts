import type { Sql } from 'postgres';
import { type AmbitError, unavailable } from '../lib/errors.ts';
import type { Connection } from './connection.ts';
import type { Connector } from './connector.ts';

export interface Lookups {
  /** Runs single statements. `sql.begin` opens a separate connection for the transaction. */
  readonly sql: Sql;
  /** Must be called when the connection was opened. */
  use(connection: Connection): void;
  /** Number of connections to open: 0 or 1. */
  missing(): number;
  /** Rejects the statements whose deadline is before `now`. */
  failExpired(now: number): void;
  readonly connection: Connection | undefined;
  /** Stops using the connection. */
  drop(): void;
  /** Rejects all waiting and all later statements. */
  end(): void;
}

export interface LookupsOptions {
  connector(): Connector;
  openOwn(): Promise<Connection>;
  /** Milliseconds that a statement waits for a connection. */
  waitMs: number;
  /** Milliseconds after which the separate connection of a transaction is closed. */
  transactionMs: number;
  /** Maximum number of pending statements. */
  queue: number;
  exhausted(): AmbitError;
}

/** The part of the driver's query interface that is used. */
type Query = Pick<Promise<unknown>, 'then' | 'catch'> & {
  values(): PromiseLike<unknown>;
  execute(): PromiseLike<unknown>;
};

interface Waiter {
  deadline: number;
  resolve(connection: Connection): void;
  reject(error: unknown): void;
}

/**
 * Single statements share one connection, which no transaction uses. This prevents a deadlock: a request that runs a
 * lookup during its transaction must not wait for requests that are waiting for its connection.
 */
export function createLookups(options: LookupsOptions): Lookups {
  const { connector, openOwn, waitMs, transactionMs, queue, exhausted } = options;
  let current: Connection | undefined;
  let waiters: Waiter[] = [];
  let isEnded = false;

  const wait = (): Promise<Connection> =>
    new Promise((resolve, reject) => {
      waiters.push({ deadline: performance.now() + waitMs, resolve, reject });
      connector().fill();
    });

  /** Sends the statement now if there is a connection, otherwise as soon as one was opened. */
  function send(run: (connection: Connection) => Query): Query {
    if (isEnded) throw unavailable();
    if (!current || current.lost) {
      if (waiters.length >= queue) throw exhausted();
      return later(wait, run);
    }
    if (current.pending >= queue) throw exhausted();
    return run(current);
  }

  const query = (strings: TemplateStringsArray, ...values: never[]): Query =>
    send((connection) => connection.query(strings, ...values));
  const sql = Object.assign(query, {
    unsafe: (text: string, values?: never[], options?: object) =>
      send((connection) => connection.send(text, values, options) as unknown as Query),
    begin: async (work: (sql: Sql) => Promise<unknown>) => {
      const own = await openOwn();
      const deadline = setTimeout(() => own.destroy('UNRESPONSIVE'), transactionMs);
      return await own.begin(work).finally(() => {
        clearTimeout(deadline);
        return own.close();
      });
    },
  }) as unknown as Sql;

  function failExpired(now: number): void {
    const expired = waiters.filter(({ deadline }) => deadline <= now);
    waiters = waiters.filter(({ deadline }) => deadline > now);
    for (const { reject } of expired) reject(unavailable());
  }

  return {
    sql,
    use(connection) {
      current = connection;
      for (const { resolve } of waiters.splice(0)) resolve(connection);
    },
    missing: () => (waiters.length > 0 && (!current || current.lost) ? 1 : 0),
    failExpired,
    drop() {
      current = undefined;
    },
    end() {
      isEnded = true;
      failExpired(Number.POSITIVE_INFINITY);
    },
    get connection() {
      return current?.lost ? undefined : current;
    },
  };
}

/** Behaves as the driver's query: it is sent when its rows or its values are requested. */
const later = (connection: () => Promise<Connection>, run: (connection: Connection) => Query): Query => {
  const rows = () => connection().then(run);
  return {
    // biome-ignore lint/suspicious/noThenProperty: the driver's queries can be awaited
    then: (resolve, reject) => rows().then(resolve, reject),
    catch: (reject) => rows().catch(reject),
    execute: rows,
    values: () => connection().then((open) => run(open).values()),
  };
};
