import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRoot, NOBODY, run } from '../../src/db/embedded/process.ts';
import { freePort } from './run.ts';

/** The programs of Debian's package postgresql-15. */
export const PROGRAMS = '/usr/lib/postgresql/15/bin';

/** A PostgreSQL 15 of its own, without any database of Ambit. Connections from this machine need no password. */
export interface OwnServer {
  /** The URL of a database for a login. */
  url(database: string, user?: string, password?: string): string;
  stop(): Promise<void>;
}

const SETTINGS = { fsync: 'off', full_page_writes: 'off', listen_addresses: '127.0.0.1', unix_socket_directories: '' };

/** Starts a server with new data. */
export async function startPostgresql15(): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), 'ambit-postgresql-15-'));
  if (isRoot()) await chown(folder, NOBODY, NOBODY);
  const [data, port] = [join(folder, 'data'), await freePort()];
  const initdb = ['--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C.UTF-8'];
  await run(join(PROGRAMS, 'initdb'), [...initdb, `--pgdata=${data}`]);
  const options = Object.entries({ ...SETTINGS, port }).map(([name, value]) => `-c ${name}=${value}`);
  const control = (...args: string[]): Promise<void> =>
    run(join(PROGRAMS, 'pg_ctl'), ['-D', data, '-s', '-w', ...args]);
  await control('start', '-l', join(folder, 'log'), '-o', options.join(' '));
  return {
    url: (database, user = 'postgres', password = '') =>
      Object.assign(new URL(`postgres://127.0.0.1:${port}/${database}`), { username: user, password }).href,
    async stop() {
      await control('stop', '-m', 'immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
