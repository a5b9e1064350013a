import type { Log } from '../lib/log.ts';
import type { Connection, LossCause } from './connection.ts';

export interface ConnectorOptions {
  /** Maximum number of connections. */
  size: number;
  /** Number of connections that are needed in addition to the open ones. */
  missing(): number;
  open(onLost: (connection: Connection, cause: LossCause) => void): Promise<Connection>;
  onOpen(connection: Connection): void;
  onLost(connection: Connection, cause: LossCause): void;
  log: Log;
}

/** Opens connections when they are needed. Retries as long as the database is unavailable. */
export interface Connector {
  readonly connections: ReadonlySet<Connection>;
  /** Opens the missing connections. */
  fill(): void;
  /** Removes a connection, and closes it when its pending statements have finished. */
  retire(connection: Connection): Promise<void>;
  /** Error code of the last attempt, or null if it succeeded. */
  failure(): string | null;
  /** Closes all connections and opens no more. */
  end(): Promise<void>;
}

/** Milliseconds after which an unfinished attempt counts as stalled and another one may start. */
const ATTEMPT_STALLS = 500;
/** Milliseconds that pending statements of a removed connection may take. A lookup on another connection has as many. */
const RETIRE_TIMEOUT = 5_000;
/** Milliseconds before a retry. The delay doubles with each failure, from `first` to `last`. */
const RETRY = { first: 25, last: 400 };

export function createConnector({ size, missing, open, onOpen, onLost, log }: ConnectorOptions): Connector {
  const connections = new Set<Connection>();
  const attempts = new Set<{ startedAt: number }>();
  let failure: string | null = null;
  let delay = 0;
  let retry: NodeJS.Timeout | undefined;
  let isEnded = false;

  const lose = (connection: Connection, cause: LossCause): void => {
    if (!connections.delete(connection)) return;
    log({ level: 'warn', message: 'database connection lost', cause });
    onLost(connection, cause);
    fill();
  };

  function fill(): void {
    if (isEnded || retry) return;
    const now = performance.now();
    // The network may have recovered since a stalled attempt was started.
    const pending = [...attempts].filter(({ startedAt }) => now - startedAt < ATTEMPT_STALLS).length;
    const wanted = Math.min(missing(), size - connections.size) - pending;
    for (let n = 0; n < wanted && attempts.size < 2 * size; n += 1) void attempt();
  }

  async function attempt(): Promise<void> {
    const started = { startedAt: performance.now() };
    attempts.add(started);
    try {
      const connection = await open(lose);
      if (connection.lost) throw connection.lost;
      [failure, delay] = [null, 0];
      if (isEnded || connections.size >= size) return void connection.close();
      connections.add(connection);
      onOpen(connection);
    } catch (error) {
      failure = String((error as { code?: unknown }).code);
      log({ level: 'error', message: 'database connection failed', code: failure });
      retryLater();
    } finally {
      attempts.delete(started);
    }
  }

  function retryLater(): void {
    delay = Math.min(Math.max(2 * delay, RETRY.first), RETRY.last);
    retry ??= setTimeout(() => {
      retry = undefined;
      fill();
    }, delay).unref();
  }

  return {
    connections,
    fill,
    retire(connection) {
      connections.delete(connection);
      return connection.close(RETIRE_TIMEOUT);
    },
    failure: () => failure,
    async end() {
      isEnded = true;
      clearTimeout(retry);
      const open = [...connections];
      connections.clear();
      await Promise.all(open.map((connection) => connection.close()));
    },
  };
}
