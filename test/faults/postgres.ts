import { randomBytes } from 'node:crypto';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { binaries, type Child, isRoot, NOBODY, run, spawnChild } from '../../src/db/embedded/process.ts';
import { freePort } from '../support/run.ts';

export interface PostgresOptions {
  folder: string;
  /** The data directory, by default in the folder. The write-ahead log is always in the folder. */
  data?: string;
  /** A command with its arguments, which runs the server as its child. */
  wrapper?: string[];
}

/** A PostgreSQL server that can be stopped, killed and started again on the same port. */
export interface Postgres {
  readonly port: number;
  /** The URL of the superuser, with another port for a proxy. */
  url(database: string, port?: number): string;
  /** Runs `work` as the superuser on a new connection, because a fault may have closed earlier ones. */
  ask<T>(database: string, work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Returns when the server accepts connections. */
  start(): Promise<void>;
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Kills only the postmaster. Its children detect this and exit. */
  kill(): Promise<void>;
}

/** Maximum milliseconds for the start of a server, including recovery. */
const START_WITHIN = 60_000;

/** Committed data must survive a crash of the processes but not of the machine, so fsync is off. */
const SETTINGS = ['fsync=off', 'max_connections=100', 'listen_addresses=127.0.0.1', 'unix_socket_directories='];

const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** Creates the data directory. Returns the password of the superuser. */
async function initialize(folder: string, data: string): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  const [secret, wal] = [join(folder, 'password'), join(folder, 'wal')];
  await writeFile(secret, password, { mode: 0o600 });
  for (const path of [data, wal]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (isRoot()) await chown(path, NOBODY, NOBODY);
  }
  const about = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${secret}`, '--encoding=UTF8'];
  const { initdb } = await binaries();
  await run(initdb, [`--pgdata=${data}`, `--waldir=${wal}`, ...about, '--locale=C.UTF-8', '--no-sync']);
  return password;
}

export async function createPostgres({
  folder,
  data = join(folder, 'data'),
  wrapper = [],
}: PostgresOptions): Promise<Postgres> {
  const password = await initialize(folder, data);
  const port = await freePort();
  const program = (await binaries()).postgres;
  const [command = program, ...args] = [...wrapper, program, '-D', data];
  args.push(...[...SETTINGS, `port=${port}`].flatMap((setting) => ['-c', setting]));
  const url = (database: string, at = port): string => `postgres://postgres:${password}@127.0.0.1:${at}/${database}`;
  const ask: Postgres['ask'] = async (database, work) => {
    const sql = postgres(url(database), { max: 1, onnotice: () => undefined, connect_timeout: 10 });
    return await work(sql).finally(() => sql.end({ timeout: 1 }));
  };
  const isUp = (): Promise<boolean> =>
    ask('postgres', (sql) => sql`select 1`).then(
      () => true,
      () => false,
    );
  let child: Child | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child?.process.kill(signal);
    await child?.ended;
  };
  return {
    port,
    url,
    ask,
    // A new postmaster exits while children of a killed one still run.
    async start() {
      const until = performance.now() + START_WITHIN;
      while (!(await isUp())) {
        if (performance.now() > until) throw new Error('PostgreSQL does not start');
        if (!child || child.hasEnded()) child = spawnChild(command, args, 'ignore');
        await sleep(50);
      }
    },
    stop: (mode) => end(SIGNALS[mode]),
    kill: () => end('SIGKILL'),
  };
}
