import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { unavailable } from '../errors.ts';

export interface ThreadLimits {
  /** Milliseconds of CPU time for one task. On a loaded machine, a task takes many times as long. */
  cpuMs: number;
  /** Memory of the thread for objects. */
  memoryMb: number;
}

/** The code of a thread. It sends a message when it is ready, and then one message for each task. */
export interface ThreadCode {
  readonly name: string;
  readonly url: URL;
}

/** A thread that runs one task at a time. */
export interface Thread<Task, Result> {
  /** Null if the task was stopped, because it has exceeded the limits. The thread cannot be used then. */
  run(task: Task): Promise<Result | null>;
  end(): Promise<unknown>;
}

/** Milliseconds for loading the code of the thread. A loaded machine needs some seconds. */
const START = 30_000;

/** Milliseconds for one task, whatever its CPU time. */
const MAX_TASK = 20_000;

/** Milliseconds between two looks at the CPU time of a task. */
const INTERVAL = 100;

/** Starts a thread. It does not keep the process running. */
export async function startThread<Task, Result>(
  { name, url }: ThreadCode,
  { cpuMs, memoryMb }: ThreadLimits,
): Promise<Thread<Task, Result>> {
  const worker = new Worker(url, {
    name,
    // The code of organizations has no use for the secrets of the configuration.
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
  });
  worker.unref();
  // The listener of the current task gets the error. Without this one, an error between two tasks would end the process.
  worker.on('error', () => undefined);
  const end = (): Promise<unknown> => worker.terminate();
  const ready = await nextMessage(worker, { milliseconds: START, cpuMs: START }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  if (ready === null) throw new Error(`the thread ${name} has not started in time`);
  return {
    end,
    async run(task) {
      const before = await worker.cpuUsage();
      worker.postMessage(task);
      const message = (await nextMessage(worker, { milliseconds: MAX_TASK, cpuMs, before })) as [Result] | null;
      return message?.[0] ?? null;
    },
  };
}

interface Deadline {
  milliseconds: number;
  cpuMs: number;
  /** The CPU time of the thread before the task. */
  before?: NodeJS.CpuUsage;
}

/** The next message of the thread. Null if it exceeds the deadline or the limit of its memory. */
async function nextMessage(worker: Worker, deadline: Deadline): Promise<unknown[] | null> {
  const ending = new AbortController();
  const since = performance.now();
  const look = async (): Promise<void> => {
    const { user, system } = await worker.cpuUsage(deadline.before);
    const isOver = (user + system) / 1000 >= deadline.cpuMs || performance.now() - since >= deadline.milliseconds;
    // After a long task of this process, timers run before the messages that have arrived meanwhile.
    if (isOver) setImmediate(() => ending.abort('deadline'));
  };
  // It fails if the thread has ended.
  const timer = setInterval(() => void look().catch(() => undefined), INTERVAL);
  const onExit = (): void => ending.abort('exit');
  worker.once('exit', onExit);
  try {
    return await once(worker, 'message', { signal: ending.signal });
  } catch (error) {
    // The exit follows this error.
    if ((error as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY') return null;
    if (!ending.signal.aborted) throw error;
    if (ending.signal.reason === 'exit') throw unavailable('The server is stopping.');
    return null;
  } finally {
    worker.off('exit', onExit);
    clearInterval(timer);
  }
}
