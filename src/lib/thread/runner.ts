import { unavailable } from '../errors.ts';
import { startThread, type Thread, type ThreadCode, type ThreadLimits } from './host.ts';

/** Runs tasks of organizations in a thread, one at a time. `owner` is the organization. */
export interface Runner<Task, Result> {
  /**
   * Null if the task was stopped with the thread, because it has exceeded a limit. Throws UNAVAILABLE if it has waited longer
   * than `maxWait` milliseconds, 10 s by default.
   */
  run(owner: string, task: Task, maxWait?: number): Promise<Result | null>;
  /** Ends the thread. A later call starts another one. */
  stop(): Promise<void>;
}

/** Maximum number of queued tasks, of one organization and of all. */
const MAX_WAITING = { ofOwner: 16, all: 128 };

/** Maximum milliseconds in the queue. Meanwhile the request keeps its transaction open, and may hold locks. */
const MAX_WAIT = 10_000;

interface Job<Task, Result> {
  task: Task;
  /** The time of `performance.now()` until which it can start. */
  until: number;
  resolve(result: Result | null): void;
  reject(error: unknown): void;
}

export interface RunnerOptions {
  readonly code: ThreadCode;
  readonly limits: ThreadLimits;
  /** The message of the error UNAVAILABLE when the queue is full. */
  readonly busy: string;
}

export function createRunner<Task, Result>({ code, limits, busy }: RunnerOptions): Runner<Task, Result> {
  const queue = createQueue<Job<Task, Result>>(() => unavailable(busy));
  let thread: Promise<Thread<Task, Result>> | undefined;
  let isRunning = false;

  async function runAll(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    for (let job = queue.next(); job; job = queue.next()) await run(job).then(job.resolve, job.reject);
    isRunning = false;
  }

  async function run({ task, until }: Job<Task, Result>): Promise<Result | null> {
    if (performance.now() > until) throw unavailable(busy);
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
    run: (owner, task, maxWait = MAX_WAIT) =>
      new Promise((resolve, reject) => {
        queue.add(owner, { task, until: performance.now() + maxWait, resolve, reject });
        void runAll();
      }),
  };
}

/** Serves the organizations round-robin, so that one with many slow tasks does not delay the others. */
function createQueue<Entry>(busy: () => Error) {
  const waiting = new Map<string, Entry[]>();
  let size = 0;
  return {
    add(owner: string, entry: Entry): void {
      const own = waiting.get(owner) ?? [];
      if (own.length >= MAX_WAITING.ofOwner || size >= MAX_WAITING.all) throw busy();
      waiting.set(owner, [...own, entry]);
      size += 1;
    },
    next(): Entry | undefined {
      const [first] = waiting;
      if (!first) return undefined;
      const [owner, [entry, ...others]] = first;
      waiting.delete(owner);
      if (others.length > 0) waiting.set(owner, others);
      size -= 1;
      return entry;
    },
  };
}
