import net, { type Socket } from 'node:net';
import postgres, { type Options, type PendingQuery, type Row, type Sql } from 'postgres';
import { type AmbitError, unavailable } from '../lib/errors.ts';

/**
 * PostgreSQL routines that report a stale prepared statement, which no longer matches its tables. The driver retries
 * such a statement by itself, even when its transaction was aborted or has ended. The retry could then run in another
 * organization's transaction. This setter hides the routine from the driver, so that it never retries, and marks the
 * error instead. It applies to the whole process. `stale-statement.test.ts` fails when the driver changes.
 */
const STALE_STATEMENT = new Set(['FetchPreparedStatement', 'RevalidateCachedQuery', 'transformAssignedExpr']);
Object.defineProperty(postgres.PostgresError.prototype, 'routine', {
  set(this: { isStale: boolean }, routine: string) {
    this.isStale = STALE_STATEMENT.has(routine);
  },
});

/** Milliseconds after which an attempt to connect fails. */
const CONNECT_TIMEOUT = 5_000;
/** Milliseconds that pending statements may take before the connection is closed. */
const CLOSE_TIMEOUT = 1_000;
/** Milliseconds for the server to accept a request to cancel a statement. */
const CANCEL_TIMEOUT = 1_000;
/** The SQLSTATE of a cancelled statement: on request, or because it took longer than `statement_timeout`. */
const CANCELLED = '57014';
/** Message code of a CancelRequest (PostgreSQL documentation, "Message Formats"). */
const CANCEL_REQUEST = 80_877_102;

export interface ConnectionOptions {
  url: string;
  driver: Options<never>;
  /**
   * The connection is open when this statement has succeeded. Its column `in_cluster` tells whether the server is part of
   * a Citus cluster. Defaults to a statement without effect.
   */
  firstStatement?: string;
  /** Opens a socket to the server. Defaults to the address of `url`. */
  dial?: (() => Socket) | undefined;
  /** Called with the text of each statement, without its parameters. */
  onStatement?: ((text: string) => void) | undefined;
  /** Minimum age in milliseconds at which the connection is replaced. The maximum is twice this. */
  renewMs: number;
  /** Called once, when the connection can no longer be used. */
  onLost(connection: Connection, cause: LossCause): void;
}

/**
 * STALE: a prepared statement no longer matches its tables. UNRESPONSIVE: the server stopped answering. STOPPED: the
 * statement of a stopped request could not be cancelled. UNBOUND: BEGIN or the binding of a transaction failed.
 */
export type LossCause = 'CLOSED' | 'STALE' | 'UNRESPONSIVE' | 'STOPPED' | 'UNBOUND';

/** One connection to PostgreSQL. */
export interface Connection {
  /** Sends a statement. Throws when the connection is lost. */
  readonly send: Sql['unsafe'];
  /** Sends a statement that is written as a template literal. Throws when the connection is lost. */
  readonly query: (strings: TemplateStringsArray, ...values: never[]) => PendingQuery<Row[]>;
  /** Calls `work` in a transaction. Commits when it returns, and rolls back when it throws. */
  readonly begin: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;
  /** The error for further statements. Undefined while the connection can be used. */
  readonly lost: AmbitError | undefined;
  /** Why the connection was lost. Undefined while it can be used. */
  readonly lossCause: LossCause | undefined;
  /** Number of statements without a response. */
  readonly pending: number;
  /** Whether the first statement has found that the server is part of a Citus cluster. */
  readonly isInCluster: boolean;
  /** Whether a statement took too long in a Citus cluster. Its worker may not have responded. */
  readonly hasTimedOut: boolean;
  /** When it was opened, as `performance.now()`. */
  readonly openedAt: number;
  /** When it is to be replaced, as `performance.now()`. */
  readonly renewAt: number;
  /** How to end the transaction that may still be open. It is sent together with the next BEGIN. */
  unfinished: 'commit' | 'rollback' | null;
  /**
   * When the last byte arrived, and since when a statement has been waiting for one. Accurate only if called regularly.
   */
  activity(): { lastByteAt: number; waitingSince: number };
  /** Sends a statement, so that a dead connection is noticed. */
  probe(): void;
  /** Asks the server to cancel the running statement. */
  cancel(): void;
  /** Calls `react` when no statement and no cancellation is pending. */
  whenQuiet(react: () => void): void;
  /** Closes the connection when the pending statements have finished, but after `timeoutMs` at the latest. */
  close(timeoutMs?: number): Promise<void>;
  /** Closes the connection immediately. Pending statements fail. */
  destroy(cause: LossCause): void;
}

/**
 * Opens a connection with its own client of the driver. The client never reconnects. The driver would keep state of the
 * lost connection (unsent bytes, the last error, queued statements), which breaks the next one. The pool replaces the
 * connection instead.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  let socket: Socket | undefined;
  let address: Address | undefined;
  let lost: AmbitError | undefined;
  let lossCause: LossCause | undefined;
  let socketError: Error | undefined;
  let backend: Backend | undefined;
  let isReady = false;
  let isInCluster = false;
  let hasTimedOut = false;
  let isCancelling = false;
  /** Whether a statement was cancelled on request, and its error has not arrived. */
  let hasCancelled = false;
  let pending = 0;
  let bytes = 0;
  const openedAt = performance.now();
  let lastByteAt = openedAt;
  let waitingSince = openedAt;
  let waiting: (() => void)[] = [];

  const lose = (cause: LossCause): void => {
    if (lost) return;
    lost = unavailable();
    lossCause = cause;
    socket?.destroy();
    // Rejects the statements that are still in the driver's queue.
    void sql.end({ timeout: 0 });
    if (isReady) options.onLost(connection, cause);
    notifyIfQuiet();
  };

  const notifyIfQuiet = (): void => {
    if (!lost && (pending > 0 || isCancelling)) return;
    const quiet = waiting;
    waiting = [];
    for (const react of quiet) react();
  };

  const sql = postgres(options.url, {
    ...options.driver,
    max: 1,
    // Longer than `deadline` below, which covers every step of the attempt.
    connect_timeout: 2 * (CONNECT_TIMEOUT / 1_000),
    max_lifetime: null,
    // The driver would run an extra query, and a failure of that query could not be caught.
    fetch_types: false,
    onclose: () => lose('CLOSED'),
    socket: (parsed: Address) => {
      // A second call means that the driver wants to reconnect.
      if (socket) lose('CLOSED');
      if (lost) throw lost;
      address = parsed;
      socket = options.dial?.() ?? dial(parsed);
      // The driver adds its own listener later. An error such as ENETUNREACH arrives before and would end the process.
      socket.once('error', (error) => {
        socketError = error;
        lose('CLOSED');
      });
      return socket;
    },
  } as never);

  const track = <Query extends PromiseLike<unknown>>(query: Query): Query => {
    pending += 1;
    const onResponse = (): void => {
      pending -= 1;
      if (waiting.length > 0) notifyIfQuiet();
    };
    query.then(onResponse, (error: { isStale?: boolean; code?: string }) => {
      if (error.code === CANCELLED) {
        hasTimedOut ||= isInCluster && !hasCancelled;
        hasCancelled = false;
      }
      // The driver would keep using the stale statement.
      if (error.isStale) lose('STALE');
      // It was sent after the stale statement, and fails with its connection.
      else if (lossCause === 'STALE') error.isStale = true;
      onResponse();
    });
    return query;
  };

  const connection: Connection = {
    send: ((text: string, values?: never[], sendOptions?: object) => {
      if (lost) throw lost;
      options.onStatement?.(text);
      return track(sql.unsafe(text, values, sendOptions));
    }) as Sql['unsafe'],
    query: (strings, ...values) => {
      if (lost) throw lost;
      options.onStatement?.(strings.join('$'));
      return track(sql(strings, ...values));
    },
    begin: (work) => runTransaction(connection, work),
    get lost() {
      return lost;
    },
    get lossCause() {
      return lossCause;
    },
    get pending() {
      return pending;
    },
    get isInCluster() {
      return isInCluster;
    },
    get hasTimedOut() {
      return hasTimedOut;
    },
    openedAt,
    // Random, so that connections that were opened together are not replaced together.
    renewAt: openedAt + options.renewMs * (1 + Math.random()),
    unfinished: null,
    activity() {
      const now = performance.now();
      const read = socket?.bytesRead ?? 0;
      if (read !== bytes) lastByteAt = now;
      if (read !== bytes || pending === 0) waitingSince = now;
      bytes = read;
      return { lastByteAt, waitingSince };
    },
    probe() {
      if (!lost) track(sql.unsafe('select 1')).catch(() => undefined);
    },
    cancel() {
      if (!backend || !address || isCancelling || lost) return;
      isCancelling = true;
      hasCancelled = true;
      requestCancel(options.dial?.() ?? dial(address), backend, (isLate) => {
        isCancelling = false;
        // The server may still cancel a later statement, of another request.
        if (isLate) lose('STOPPED');
        notifyIfQuiet();
      });
    },
    whenQuiet(react) {
      waiting.push(react);
      notifyIfQuiet();
    },
    async close(timeoutMs = CLOSE_TIMEOUT) {
      const timeout = setTimeout(lose, timeoutMs, 'CLOSED');
      // The driver's `end` neither sends nor rejects the statements in the driver's queue.
      await new Promise<void>(connection.whenQuiet);
      await sql.end();
      clearTimeout(timeout);
      lose('CLOSED');
    },
    destroy: lose,
  };

  const deadline = setTimeout(lose, CONNECT_TIMEOUT, 'UNRESPONSIVE');
  try {
    const first = await sql.unsafe(options.firstStatement ?? 'select 1');
    backend = first.state;
    isInCluster = first[0]?.['in_cluster'] === true;
  } catch (error) {
    lose('CLOSED');
    throw socketError ?? error;
  } finally {
    clearTimeout(deadline);
  }
  if (lost) throw lost;
  isReady = true;
  return connection;
}

/**
 * Replaces the driver's `begin`. When the connection is lost, that one still sends ROLLBACK. The driver then writes to a
 * closed socket outside of any promise, so the error would end the process.
 */
async function runTransaction<T>(connection: Connection, work: (sql: Sql) => Promise<T>): Promise<T> {
  const { query, send } = connection;
  const sql = Object.assign(query.bind(undefined), { unsafe: send }) as unknown as Sql;
  await send('begin');
  let result: T;
  try {
    result = await work(sql);
  } catch (error) {
    if (!connection.lost) await send('rollback').catch(() => undefined);
    throw error;
  }
  const { command } = await send('commit');
  // COMMIT of an aborted transaction reports no error but rolls back.
  if (command !== 'COMMIT') throw new Error('the transaction was rolled back');
  return result;
}

/** The server's address, as the driver passes it. */
interface Address {
  host: string[];
  port: number[];
  path?: string | false;
}

/** What identifies the connection in a CancelRequest. */
interface Backend {
  pid: number;
  secret: number;
}

function dial({ host: [host], port: [port], path }: Address): Socket {
  const socket = path ? net.connect(path) : net.connect({ host: host as string, port: port as number, noDelay: true });
  // The driver checks the certificate against this name.
  return Object.assign(socket, { host });
}

/** Sends a CancelRequest on a separate connection. The server closes it after it has sent the signal. */
function requestCancel(socket: Socket, { pid, secret }: Backend, done: (isLate: boolean) => void): void {
  const message = Buffer.alloc(16);
  for (const [at, value] of [message.length, CANCEL_REQUEST, pid, secret].entries())
    message.writeUInt32BE(value, 4 * at);
  let isLate = false;
  socket.setTimeout(CANCEL_TIMEOUT, () => {
    isLate = true;
    socket.destroy();
  });
  socket.on('error', () => undefined).once('close', () => done(isLate));
  socket.resume().end(message);
}
