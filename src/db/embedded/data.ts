import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { binaries, isRoot, NOBODY, run } from './process.ts';

export interface Data {
  /** Absolute path of PostgreSQL's data directory, without symbolic links. */
  folder: string;
  /** File that the server's output is written to. */
  logFile: string;
  /** The superuser's password. */
  password: string;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Opens the data in `folder`. Creates them first if there are none. */
export async function openData(folder: string, signal?: AbortSignal): Promise<Data> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The real path, because it is compared with the command line of the server process.
  const parent = await realpath(folder);
  const data = join(parent, 'pgdata');
  const secret = join(parent, 'password');
  if (!(await exists(join(data, 'PG_VERSION')))) await createData(parent, data, secret, signal);
  return { folder: data, logFile: join(data, 'server.log'), password: await readFile(secret, 'utf8') };
}

/** Renames the data directory when it is complete, so that a directory whose creation was interrupted is never used. */
async function createData(parent: string, data: string, secret: string, signal?: AbortSignal): Promise<void> {
  for (const name of await readdir(parent))
    if (name.startsWith('pgdata-')) await rm(join(parent, name), { recursive: true, force: true });
  // Two processes that start at once must use the same password, whichever of them creates the data.
  const known = await readFile(secret, 'utf8').catch(() => '');
  if (!known) await writeFile(secret, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const incomplete = await mkdtemp(join(parent, 'pgdata-'));
  try {
    if (isRoot()) await chown(incomplete, NOBODY, NOBODY);
    await initialise(incomplete, secret, join(parent, 'initdb.log'), signal);
    await rename(incomplete, data);
  } finally {
    await rm(incomplete, { recursive: true, force: true });
  }
}

async function initialise(data: string, secret: string, logFile: string, signal?: AbortSignal): Promise<void> {
  const { initdb } = await binaries();
  const args = [
    `--pgdata=${data}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${secret}`,
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    '--no-sync',
  ];
  await run(initdb, args, { signal, logFile }).catch(({ message }) => {
    signal?.throwIfAborted();
    throw new Error(
      `The embedded PostgreSQL could not be created: ${message}. See ${logFile}, or set DATABASE_URL to use another server.`,
    );
  });
}
