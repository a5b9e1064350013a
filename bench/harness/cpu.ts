import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';

/** CPU time of a server since its start, in microseconds. */
export interface CpuTime {
  /** All threads of the server and of its child processes. */
  server: number;
  /** The main threads of these processes. */
  main: number;
  /** All processes of Postgres. */
  postgres: number;
}

/** Reads the CPU time of a process, and that of Postgres. The scheduler counts in nanoseconds, `ps` in 10 ms. */
function cpuTime(pid: number, postmaster: number): CpuTime {
  const families = familiesOf([pid, postmaster]);
  const total = (pids: number[], of: (pid: number) => number): number => pids.reduce((sum, one) => sum + of(one), 0);
  const [server = [], postgres = []] = families;
  return { server: total(server, ofThreads), main: total(server, ofMain), postgres: total(postgres, ofThreads) };
}

/** The process ID of the server to which the connection belongs. */
export async function postmasterOf(sql: Sql): Promise<number> {
  const [row] = await sql`select pg_backend_pid() as pid`;
  return parentOf(row?.['pid']);
}

/** Whether this system has the statistics. Only Linux has them. */
export const hasSchedulerStatistics = (): boolean => ofMain(process.pid) > 0;

/** Milliseconds after the load, in which Postgres ends its transactions. */
const SETTLE = 100;

/** CPU time per request while `work` sends requests. */
export async function cpuPerRequest<Result extends { requests: number }>(
  pid: number,
  postmaster: number,
  work: () => Promise<Result>,
): Promise<{ result: Result; cpu: CpuTime }> {
  const before = cpuTime(pid, postmaster);
  const result = await work();
  await sleep(SETTLE);
  const after = cpuTime(pid, postmaster);
  const used = (of: keyof CpuTime): number => (after[of] - before[of]) / result.requests;
  return { result, cpu: { server: used('server'), main: used('main'), postgres: used('postgres') } };
}

/** Each process with its descendants. */
function familiesOf(roots: number[]): number[][] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const children = Map.groupBy(pids, parentOf);
  const family = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(family)];
  return roots.map(family);
}

function ofThreads(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const threads = orNull(() => readdirSync(folder)) ?? [];
  return threads.reduce((sum, thread) => sum + microseconds(`${folder}/${thread}/schedstat`), 0);
}

const ofMain = (pid: number): number => microseconds(`/proc/${pid}/task/${pid}/schedstat`);

/** The first number is the time on a processor in nanoseconds. */
const microseconds = (file: string): number => Number((textOf(file) ?? '0').split(' ')[0]) / 1000;

/** The second number after the name of the program, which is in parentheses. */
const parentOf = (pid: number): number => {
  const text = textOf(`/proc/${pid}/stat`) ?? '';
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
};

const textOf = (file: string): string | null => orNull(() => readFileSync(file, 'utf8'));

/** Processes and threads can end at any time. */
function orNull<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}
