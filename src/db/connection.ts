import net, { type Socket } from 'node:net';
import postgres, { type Options, type PendingQuery, type Row, type Sql } from 'postgres';
import { type AmbitError, unavailable } from '../errors.ts';

/**
 * PostgreSQL routines that report a prepared statement which no longer fits its tables. The driver repeats such a
 * statement by itself, even when its transaction has been aborted or has ended. The repetition would then run in
 * another organization's transaction. This setter hides the routine from the driver, so nothing is ever repeated, and
 * marks the error instead. It applies to the whole process; `stale-statement.test.ts` fails when the driver changes.
 */
const STALE_STATEMENT = new Set(['FetchPreparedStatement', 'RevalidateCachedQuery', 'transformAssignedExpr']);
Object.defineProperty(postgres.PostgresError.prototype, 'routine', {
  set(this: { isStale: boolean }, routine: string) {
    this.isStale = STALE_STATEMENT.has(routine);
  },
});

/** Milliseconds in which a connection must be ready. */
const CONNECT_TIMEOUT = 5_000;
/** Milliseconds for the server to accept a request to cancel a statement. */
const CANCEL_TIMEOUT = 1_000;
/** Message code of a CancelRequest (PostgreSQL documentation, "Message Formats"). */
const CANCEL_REQUEST = 80_877_102;

export interface ConnectionOptions {
  url: string;
  driver: Options<never>;
  /** Opens a socket to the server; by default the address of `url`. */
  dial?: (() => Socket) | undefined;
  /** Sees the text of each statement, without its parameters. */
  onStatement?: ((text: string) => void) | undefined;
  /** Milliseconds after which it is replaced: between this and twice this. */
  renewMs: number;
  /** The connection can no longer be used. Called once. */
  onLost(connection: Connection, cause: LossCause): void;
}

/** STALE: a prepared statement no longer fits its tables. SILENT: the server stopped answering. */
export type LossCause = 'CLOSED' | 'STALE' | 'SILENT' | 'STOPPED';

/** One connection to PostgreSQL. */
export interface Connection {
  /** Sends a statement. Throws when the connection is lost. */
  readonly send: Sql['unsafe'];
  /** Sends a template. */
  readonly query: (strings: TemplateStringsArray, ...values: never[]) => PendingQuery<Row[]>;
  readonly begin: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;
  /** Set when nothing can be sent any more. */
  readonly lost: AmbitError | undefined;
  /** Statements without an answer. */
  readonly pending: number;
  /** When it was opened, and when it is to be replaced, on the clock of `performance.now()`. */
  readonly openedAt: number;
  readonly renewAt: number;
  /** A read-only transaction is still open. Its COMMIT is sent together with the next BEGIN. */
  hasOpenTransaction: boolean;
  /** When the last byte arrived, and since when a statement waits for one. Must be read regularly. */
  silence(): { heardAt: number; waitsSince: number };
  /** Asks for an answer, so that a dead connection is noticed. */
  probe(): void;
  /** Asks the server to cancel the running statement. */
  cancel(): void;
  /** Calls back once every statement is answered and no cancellation is under way. */
  whenQuiet(react: () => void): void;
  /** Waits for pending statements. */
  close(): Promise<void>;
  /** Fails pending statements. */
  destroy(cause: LossCause): void;
}

/**
 * Opens a connection with a driver's client of its own, which never reconnects: what the driver keeps of a lost
 * connection (unsent bytes, the last error, waiting statements) would break the next one. The pool replaces it instead.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  let socket: Socket | undefined;
  let address: Address | undefined;
  let lost: AmbitError | undefined;
  let backend: { pid: number; secret: number } | undefined;
  let isReady = false;
  let isCancelling = false;
  let pending = 0;
  let bytes = 0;
  const openedAt = performance.now();
  let heardAt = openedAt;
  let waitsSince = openedAt;
  let waiting: (() => void)[] = [];

  const lose = (cause: LossCause): void => {
    if (lost) return;
    lost = unavailable();
    socket?.destroy();
    // Fails what is still in the queue of the driver.
    void sql.end({ timeout: 0 });
    if (isReady) options.onLost(connection, cause);
    settle();
  };

  const settle = (): void => {
    if (!lost && (pending > 0 || isCancelling)) return;
    const quiet = waiting;
    waiting = [];
    for (const react of quiet) react();
  };

  const sql = postgres(options.url, {
    ...options.driver,
    max: 1,
    // The limit below counts from the start and covers every step.
    connect_timeout: 2 * (CONNECT_TIMEOUT / 1_000),
    max_lifetime: null,
    // It would run a query of the driver's own, whose failure nobody could catch.
    fetch_types: false,
    onclose: () => lose('CLOSED'),
    socket: (parsed: Address) => {
      // A second call means that the driver wants to reconnect.
      if (socket) lose('CLOSED');
      if (lost) throw lost;
      address = parsed;
      socket = options.dial?.() ?? dial(parsed);
      return socket;
    },
  } as never);

  const track = <Query extends PromiseLike<unknown>>(query: Query): Query => {
    pending += 1;
    const answered = (): void => {
      pending -= 1;
      if (waiting.length > 0) settle();
    };
    query.then(answered, (error: { isStale?: boolean }) => {
      // The driver would use the statement that no longer fits again and again.
      if (error.isStale) lose('STALE');
      answered();
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
    begin: (work) => track(sql.begin(work as never)) as never,
    get lost() {
      return lost;
    },
    get pending() {
      return pending;
    },
    openedAt,
    // Spread, so that connections which were opened together are not replaced together.
    renewAt: openedAt + options.renewMs * (1 + Math.random()),
    hasOpenTransaction: false,
    silence() {
      const now = performance.now();
      const read = socket?.bytesRead ?? 0;
      if (read !== bytes) heardAt = now;
      if (read !== bytes || pending === 0) waitsSince = now;
      bytes = read;
      return { heardAt, waitsSince };
    },
    probe: () => void track(sql.unsafe('select 1')).catch(() => undefined),
    cancel() {
      if (!backend || !address || isCancelling || lost) return;
      isCancelling = true;
      requestCancel(options.dial?.() ?? dial(address), backend, () => {
        isCancelling = false;
        settle();
      });
    },
    whenQuiet(react) {
      waiting.push(react);
      settle();
    },
    close: () => sql.end({ timeout: CANCEL_TIMEOUT / 1_000 }).then(() => lose('CLOSED')),
    destroy: lose,
  };

  const deadline = setTimeout(lose, CONNECT_TIMEOUT, 'SILENT');
  try {
    backend = (await sql.unsafe('select 1')).state;
  } catch (error) {
    lose('CLOSED');
    throw error;
  } finally {
    clearTimeout(deadline);
  }
  if (lost) throw lost;
  isReady = true;
  return connection;
}

/** How the driver describes the server. */
interface Address {
  host: string[];
  port: number[];
  path?: string | false;
}

function dial({ host: [host], port: [port], path }: Address): Socket {
  const socket = path ? net.connect(path) : net.connect({ host: host as string, port: port as number, noDelay: true });
  // The driver checks the certificate against this name.
  return Object.assign(socket, { host });
}

/** A cancellation is a message on a connection of its own, which the server closes when it has sent the signal. */
function requestCancel(socket: Socket, { pid, secret }: { pid: number; secret: number }, done: () => void): void {
  const message = Buffer.alloc(16);
  for (const [at, value] of [message.length, CANCEL_REQUEST, pid, secret].entries())
    message.writeUInt32BE(value, 4 * at);
  socket.setTimeout(CANCEL_TIMEOUT, () => socket.destroy());
  socket.on('error', () => undefined).once('close', done);
  socket.resume().end(message);
}
