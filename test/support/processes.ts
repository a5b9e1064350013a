import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** IDs of the processes with `text` in their command line. */
export async function findProcesses(text: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-A', '-o', 'pid=,args=']);
  const lines = stdout.split('\n').filter((line) => line.includes(text));
  return lines.map((line) => Number.parseInt(line, 10));
}

/** IDs of the child processes of `parent` with `text` in their command line. */
export async function findChildren(parent: number, text: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-A', '-o', 'pid=,ppid=,args=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, ppid, ...args]) => Number(ppid) === parent && args.join(' ').includes(text))
    .map(([pid]) => Number(pid));
}
