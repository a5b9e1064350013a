import { type AmbitError, unavailable } from '../errors.ts';
import { startThread, type Thread, type ThreadCode, type ThreadLimits } from './host.ts';
import { createFairQueue, type QueueLimits } from './queue.ts';

/** Runs tasks of organizations in a thread, one at a time. `owner` is the organization. */
export interface Runner<Task, Result> {
  /**
   * Null if the task was stopped with the thread, because it has exceeded a limit. Throws UNAVAILABLE if the task was queued
   * for longer than `maxWait`, or if the queue is full.
   */
  run(owner: string, task: Task, options?: RunOptions): Promise<Result | null>;
  /** Ends the thread. A later call starts another one. */
  stop(): Promise<void>;
}

export interface RunOptions {
  /** Maximum milliseconds in the queue. 10 s by default. */
  readonly maxWait?: number | undefined;
  /** When it is aborted, the call fails with its reason. A task that is still queued is not run. */
  readonly signal?: AbortSignal | undefined;
}

/** Maximum number of queued tasks, of one organization and of all. */
const MAX_WAITING: QueueLimits = { ofOwner: 16, all: 128 };

/** The default of `maxWait`. */
const MAX_WAIT = 10_000;

interface Job<Task, Result> {
  readonly task: Task;
  readonly resolve: (result: Result | null) => void;
  readonly reject: (error: unknown) => void;
}

export interface RunnerOptions {
  readonly code: ThreadCode;
  readonly limits: ThreadLimits;
  /** The first sentence of the message of UNAVAILABLE. It says why a task was not run. */
  readonly busy: string;
}

export function createRunner<Task, Result>({ code, limits, busy }: RunnerOptions): Runner<Task, Result> {
  const now = (): number => performance.now();
  const queue = createFairQueue<Job<Task, Result>>(MAX_WAITING, now);
  const durations = createDurations();
  let thread: Promise<Thread<Task, Result>> | undefined;
  let isRunning = false;

  const full = (): AmbitError => tryAgain(busy, durations.secondsFor(queue.size() + 1));

  async function runAll(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    for (let next = queue.next(); next; next = queue.next()) {
      const { owner, entry } = next;
      const since = now();
      await run(entry.task).then(entry.resolve, entry.reject);
      queue.charge(owner, now() - since);
      durations.add(now() - since);
    }
    isRunning = false;
  }

  async function run(task: Task): Promise<Result | null> {
    thread ??= startThread<Task, Result>(code, limits);
    try {
      const result = await (await thread).run(task);
      if (result === null) await stop();
      return result;
    } catch (error) {
      await stop();
      throw error;
    }
  }

  async function stop(): Promise<void> {
    const ended = thread;
    thread = undefined;
    await ended?.then(
      (one) => one.end(),
      () => undefined,
    );
  }

  return {
    stop,
    async run(owner, task, { maxWait = MAX_WAIT, signal } = {}) {
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<Result | null>();
      const job = { task, resolve, reject };
      queue.add(owner, job)?.reject(full());
      const timer = setTimeout(() => {
        if (queue.remove(owner, job)) reject(full());
      }, maxWait).unref();
      const onAbort = (): void => {
        queue.remove(owner, job);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort);
      void runAll();
      return await promise.finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      });
    },
  };
}

/** The average duration of tasks. */
interface Durations {
  /** Counts a task that took so many milliseconds. */
  add(milliseconds: number): void;
  /** The estimated time for a number of tasks, from 1 second to `MAX_SECONDS`. */
  secondsFor(tasks: number): number;
}

/** The weight of the last task in the average. */
const WEIGHT = 0.2;
const MAX_SECONDS = 60;

function createDurations(): Durations {
  let average = 0;
  return {
    add(milliseconds) {
      average += WEIGHT * (milliseconds - average);
    },
    secondsFor: (tasks) => Math.min(Math.max(Math.ceil((tasks * average) / 1_000), 1), MAX_SECONDS),
  };
}

/** The error of a task that was not run. */
const tryAgain = (reason: string, seconds: number): AmbitError =>
  unavailable(`${reason} Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`, {
    'retry-after': String(seconds),
  });
