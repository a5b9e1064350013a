import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The content of postmaster.pid in the data directory. The file remains when the server is killed. */
export interface PidFile {
  pid: number;
  port: number;
  status: string;
}

/** Lines 1, 4 and 8 of postmaster.pid. Null when no server runs. */
export async function readPidFile(data: string): Promise<PidFile | null> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pid, , , port, , , , status = ''] = text.split('\n');
  return pid ? { pid: Number(pid), port: Number(port), status: status.trim() } : null;
}

/**
 * The PID file of the running server, or null. Postgres ignores the file of a process that has ended, unless another
 * program now has the same process ID. This is common in a restarted container. Such a file is removed.
 */
export async function findServer(data: string): Promise<PidFile | null> {
  const file = await readPidFile(data);
  if (!file || !isAlive(file.pid)) return null;
  const command = await commandOf(file.pid);
  if (command === null || command.includes(data)) return file;
  await rm(join(data, 'postmaster.pid'), { force: true });
  return null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The command line of a process. Null when the system does not show it. */
async function commandOf(pid: number): Promise<string | null> {
  const viaPs = (): Promise<string | null> =>
    promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).then(
      ({ stdout }) => stdout,
      () => null,
    );
  return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(viaPs);
}
