import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findServer } from './pid-file.ts';
import { loginOf, loginPassword, urlOn } from './urls.ts';

/** The URLs of an embedded server that another process runs. */
export interface RunningServer {
  /** URL of the database `name` for the superuser. */
  url(name: string): string;
  /** URL for the login role that is a member of `role` only. The server's process has created it. */
  loginUrl(name: string, role: string): string;
}

/** Whether an embedded server was started with this folder before. */
export const hasData = (folder: string): Promise<boolean> =>
  stat(join(folder, 'pgdata', 'PG_VERSION')).then(
    () => true,
    () => false,
  );

/** The server that another process runs on the data in `folder`, or null. */
export async function findRunning(folder: string): Promise<RunningServer | null> {
  if (!(await hasData(folder))) return null;
  const parent = await realpath(folder);
  const server = await findServer(join(parent, 'pgdata'));
  if (server?.status !== 'ready') return null;
  const password = await readFile(join(parent, 'password'), 'utf8');
  return {
    url: (name) => urlOn(server.port, name, password),
    loginUrl: (name, role) => urlOn(server.port, name, loginPassword(password, loginOf(role)), loginOf(role)),
  };
}
