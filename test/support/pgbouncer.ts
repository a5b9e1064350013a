import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { find } from './packages.ts';
import { freePort } from './run.ts';

/** PgBouncer refuses to run as root, so root starts it as this user, which exists on every system. */
const NOBODY = { name: 'nobody', id: 65534 };

export interface Pgbouncer {
  /** The same database and login behind PgBouncer. */
  through(url: string): string;
  /** Kills the process (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

export interface PgbouncerOptions {
  /** Server connections for each pair of database and login. */
  poolSize?: number;
  /** Start-up parameters that are accepted and dropped. Debian's settings name none. */
  ignored?: readonly string[];
}

const isRoot = (): boolean => process.getuid?.() === 0;

const settings = (url: URL, port: number, users: string, { poolSize = 3, ignored = [] }: PgbouncerOptions): string => `
[databases]
* = host=${url.hostname} port=${url.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
ignore_startup_parameters = ${ignored.join(',')}
${isRoot() ? `user = ${NOBODY.name}` : ''}
`;

/** Writes the settings and the passwords to files that only the user of PgBouncer can read. */
async function writeSettings(urls: readonly string[], port: number, options: PgbouncerOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ambit-pgbouncer-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [file, users] = [join(folder, 'pgbouncer.ini'), join(folder, 'users.txt')];
  const logins = urls.map((url) => new URL(url));
  await writeFile(file, settings(logins[0] as URL, port, users, options), { mode: 0o600 });
  await writeFile(users, logins.map(({ username, password }) => `"${username}" "${password}"\n`).join(''), {
    mode: 0o600,
  });
  if (isRoot()) for (const path of [folder, file, users]) await chown(path, NOBODY.id, NOBODY.id);
  return file;
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });

/** Starts a PgBouncer for the test, in transaction mode, in front of the server of these logins. */
export async function startPgbouncer(urls: readonly string[], options: PgbouncerOptions = {}): Promise<Pgbouncer> {
  const port = await freePort();
  const file = await writeSettings(urls, port, options);
  let running: ChildProcess | undefined;

  async function start(): Promise<void> {
    const child = spawn(find('pgbouncer') as string, [file]);
    running = child;
    let output = '';
    child.stderr.on('data', (chunk) => (output += chunk));
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${output}`);
      await sleep(20);
    }
  }

  async function kill(): Promise<void> {
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'close');
  }

  onTestFinished(kill);
  await start();
  const through = (url: string): string => Object.assign(new URL(url), { hostname: '127.0.0.1', port }).href;
  return { through, kill, start };
}
