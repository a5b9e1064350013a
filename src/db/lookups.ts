import type { Sql } from 'postgres';
import { type AmbitError, unavailable } from '../errors.ts';
import type { Connection } from './connection.ts';
import type { Opener } from './opener.ts';

export interface Lookups {
  /** Runs single statements. A transaction gets a connection of its own. */
  readonly sql: Sql;
  /** To be called when the connection has been opened. */
  use(connection: Connection): void;
  /** How many connections are missing: none or one. */
  missing(): number;
  /** Fails what has waited too long by `now`. */
  failLate(now: number): void;
  readonly connection: Connection | undefined;
  /** The connection is used no more. */
  drop(): void;
  /** Fails what waits, and everything that comes. */
  end(): void;
}

export interface LookupsOptions {
  opener(): Opener;
  openOwn(): Promise<Connection>;
  /** Milliseconds that a statement waits for a connection. */
  waitMs: number;
  /** Statements that may be under way. */
  queue: number;
  exhausted(): AmbitError;
}

/** As much of a driver's query as is used. */
type Query = Pick<Promise<unknown>, 'then' | 'catch'> & { values(): PromiseLike<unknown> };

interface Waiter {
  until: number;
  resolve(connection: Connection): void;
  reject(error: unknown): void;
}

/**
 * Single statements share one connection, which no transaction uses: a request that looks something up while it holds a
 * transaction must not wait for requests that wait for it.
 */
export function createLookups({ opener, openOwn, waitMs, queue, exhausted }: LookupsOptions): Lookups {
  let current: Connection | undefined;
  let waiters: Waiter[] = [];
  let isEnded = false;

  const wait = (): Promise<Connection> =>
    new Promise((resolve, reject) => {
      waiters.push({ until: performance.now() + waitMs, resolve, reject });
      opener().fill();
    });

  /** Sends now if there is a connection, and otherwise as soon as there is one. */
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
      return await own.begin(work).finally(() => own.close());
    },
  }) as unknown as Sql;

  function failLate(now: number): void {
    const late = waiters.filter(({ until }) => until <= now);
    waiters = waiters.filter(({ until }) => until > now);
    for (const { reject } of late) reject(unavailable());
  }

  return {
    sql,
    use(connection) {
      current = connection;
      for (const { resolve } of waiters.splice(0)) resolve(connection);
    },
    missing: () => (waiters.length > 0 && (!current || current.lost) ? 1 : 0),
    failLate,
    drop() {
      current = undefined;
    },
    end() {
      isEnded = true;
      failLate(Number.POSITIVE_INFINITY);
    },
    get connection() {
      return current?.lost ? undefined : current;
    },
  };
}

/** A query as the driver's: sent when somebody asks for its rows or its values. */
const later = (connection: () => Promise<Connection>, run: (connection: Connection) => Query): Query => {
  const rows = () => connection().then(run);
  return {
    // biome-ignore lint/suspicious/noThenProperty: the driver's queries can be awaited
    then: (resolve, reject) => rows().then(resolve, reject),
    catch: (reject) => rows().catch(reject),
    values: () => connection().then((open) => run(open).values()),
  };
};
