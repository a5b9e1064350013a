import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { unavailable } from '../errors.ts';
import type { Task, TaskResult } from './messages.ts';

export interface ThreadLimits {
  /** Milliseconds for one task. */
  deadlineMs: number;
  /** Memory of the thread for objects. */
  memoryMb: number;
}

/** A thread that runs one task at a time. */
export interface Thread {
  /** Null if the task was stopped, because it has exceeded the limits. The thread cannot be used then. */
  run<Kind extends Task['kind']>(task: Task & { kind: Kind }): Promise<TaskResult<Kind> | null>;
  end(): Promise<unknown>;
}

/** Milliseconds for loading the code of the thread. A loaded machine needs some seconds. */
const START = 30_000;

/** Starts a thread. It does not keep the process running. */
export async function startThread({ deadlineMs, memoryMb }: ThreadLimits): Promise<Thread> {
  const worker = new Worker(new URL('./thread.ts', import.meta.url), {
    name: 'json-schema',
    // Generated code has no use for the secrets of the configuration.
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
  });
  worker.unref();
  // The listener of the current task gets the error. Without this one, an error between two tasks would end the process.
  worker.on('error', () => undefined);
  const end = (): Promise<unknown> => worker.terminate();
  const ready = await nextMessage(worker, START).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  if (ready === null) throw new Error('the thread for JSON Schemas has not started in time');
  return {
    end,
    async run(task) {
      worker.postMessage(task);
      const message = (await nextMessage(worker, deadlineMs)) as [never] | null;
      return message?.[0] ?? null;
    },
  };
}

/** The next message of the thread. Null if the deadline or the limit of its memory is exceeded. */
async function nextMessage(worker: Worker, milliseconds: number): Promise<unknown[] | null> {
  const ending = new AbortController();
  // After a long task of this process, timers run before the messages that have arrived meanwhile.
  const timer = setTimeout(() => setImmediate(() => ending.abort('deadline')), milliseconds);
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
    clearTimeout(timer);
  }
}
