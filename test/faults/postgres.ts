import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { binaries, isRoot, NOBODY, runUnprivileged } from '../../src/db/embedded.ts';

export interface PostgresOptions {
  folder: string;
  /** Where the data is, when it is not in the folder. */
  data?: string;
  /** A command, with its arguments, that starts the server. */
  wrapper?: string[];
}

/** A PostgreSQL server that can be stopped, killed and started again on the same port. */
export interface Postgres {
  readonly port: number;
  /** The superuser's address, at another port when a proxy is between. */
  url(database: string, port?: number): string;
  /** Runs `work` as the superuser, on a connection of its own: no other one outlives a fault. */
  ask<T>(database: string, work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Returns when the server takes connections. */
  start(): Promise<void>;
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Kills the postmaster alone. Its children notice, and end. */
  kill(): Promise<void>;
  isRunning(): Promise<boolean>;
}

/** Milliseconds that a server may need to start, recovery included. */
const START_WITHIN = 30_000;

/** What was committed must survive the death of the processes, but not of the machine: no fsync. */
const SETTINGS = ['fsync=off', 'max_connections=100', 'listen_addresses=127.0.0.1', 'unix_socket_directories='];

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

export async function createPostgres({
  folder,
  data = join(folder, 'data'),
  wrapper = [],
}: PostgresOptions): Promise<Postgres> {
  const secret = join(folder, 'password');
  const password = randomBytes(24).toString('base64url');
  const port = await freePort();
  const { initdb, pg_ctl } = await binaries();
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(secret, password, { mode: 0o600 });
  const wal = join(folder, 'wal');
  await mkdir(wal, { mode: 0o700 });
  if (isRoot()) for (const path of [data, wal]) await chown(path, NOBODY, NOBODY);
  const about = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${secret}`, '--encoding=UTF8'];
  await runUnprivileged(initdb, [`--pgdata=${data}`, `--waldir=${wal}`, ...about, '--locale=C.UTF-8', '--no-sync']);

  const control = (...args: string[]): Promise<void> => runUnprivileged(pg_ctl, ['-D', data, '-w', '-s', ...args]);
  const flags = [...SETTINGS, `port=${port}`].map((setting) => `-c ${setting}`).join(' ');
  const log = join(wal, 'server.log');
  const start = (): Promise<void> => {
    const [command = pg_ctl, ...args] = [...wrapper, pg_ctl];
    return runUnprivileged(command, [...args, 'start', '-D', data, '-w', '-s', '-l', log, '-o', flags]);
  };
  const pid = async (): Promise<number> =>
    Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const url = (database: string, at = port): string => `postgres://postgres:${password}@127.0.0.1:${at}/${database}`;
  return {
    port,
    url,
    async ask(database, work) {
      const sql = postgres(url(database), { max: 1, onnotice: () => undefined, connect_timeout: 10 });
      return await work(sql).finally(() => sql.end({ timeout: 1 }));
    },
    // While children of a killed postmaster still run, or its socket is still taken, it does not start.
    async start() {
      const until = performance.now() + START_WITHIN;
      for (;;) {
        const failed = await start().then(
          () => null,
          (error: unknown) => error,
        );
        if (!failed) return;
        if (performance.now() > until) throw failed;
        await sleep(50);
      }
    },
    stop: (mode) => control('stop', '-m', mode),
    kill: async () => void process.kill(await pid(), 'SIGKILL'),
    isRunning: () =>
      control('status').then(
        () => true,
        () => false,
      ),
  };
}

/** Ends the server however it stands, and removes its data. */
export async function removePostgres(server: Postgres, folder: string): Promise<void> {
  if (await server.isRunning()) await server.stop('immediate');
  await rm(folder, { recursive: true, force: true });
}
