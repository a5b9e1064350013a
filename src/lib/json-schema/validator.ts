import { unavailable } from '../errors.ts';
import { startThread, type Thread, type ThreadLimits } from './host.ts';
import type { Problem, Task, TaskResult, ValueProblem } from './messages.ts';

/**
 * Checks schemas of organizations and values against them, in a thread. A schema can make its validation arbitrarily slow,
 * so a task that exceeds a limit is stopped with its thread. `owner` is the organization.
 */
export interface SchemaValidator {
  /** The first problem of a schema. Null if it can be used. */
  check(owner: string, schema: unknown): Promise<Problem | null>;
  /** The first problem of each invalid value. */
  validate(owner: string, schema: unknown, values: readonly unknown[]): Promise<ValueProblem[]>;
  /** Ends the thread. A later call starts another one. */
  stop(): Promise<void>;
}

const LIMITS: ThreadLimits = { cpuMs: 2_000, memoryMb: 128 };

/** Tasks that wait for the thread, of one organization and of all. */
const MAX_WAITING = { ofOwner: 16, all: 128 };

/** Maximum milliseconds in the queue. Meanwhile the request keeps its transaction open, and may hold locks. */
const MAX_WAIT = 10_000;

const TOO_COMPLEX = 'takes too much time or memory to check against its schema';

interface Job {
  task: Task;
  /** When it was added. */
  since: number;
  resolve(result: TaskResult | null): void;
  reject(error: unknown): void;
}

export function createSchemaValidator(limits: ThreadLimits = LIMITS): SchemaValidator {
  const queue = createQueue();
  let thread: Promise<Thread> | undefined;
  let isRunning = false;

  async function runAll(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    for (let job = queue.next(); job; job = queue.next()) await run(job).then(job.resolve, job.reject);
    isRunning = false;
  }

  async function run({ task, since }: Job): Promise<TaskResult | null> {
    if (performance.now() - since > MAX_WAIT) throw busy();
    thread ??= startThread(limits);
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

  const enqueue = <Kind extends Task['kind']>(
    owner: string,
    task: Task & { kind: Kind },
  ): Promise<TaskResult<Kind> | null> =>
    new Promise((resolve, reject) => {
      queue.add(owner, { task, since: performance.now(), resolve: resolve as Job['resolve'], reject });
      void runAll();
    });

  return {
    stop,
    async check(owner, schema) {
      const result = await enqueue(owner, { kind: 'check', schema: JSON.stringify(schema) });
      return result ? result.problem : { path: [], message: 'takes too much time or memory to compile' };
    },
    async validate(owner, schema, values) {
      if (values.length === 0) return [];
      const texts = { schema: JSON.stringify(schema), values: JSON.stringify(values) };
      const result = await enqueue(owner, { kind: 'validate', ...texts });
      return result ? result.problems : values.map((_, item) => ({ item, path: [], message: TOO_COMPLEX }));
    },
  };
}

const busy = () => unavailable('Too many schemas and values wait for their validation. Try again in a moment.');

/** Serves the organizations round-robin, so that one with many slow schemas does not delay the others. */
function createQueue() {
  const waiting = new Map<string, Job[]>();
  let size = 0;
  return {
    add(owner: string, job: Job): void {
      const own = waiting.get(owner) ?? [];
      if (own.length >= MAX_WAITING.ofOwner || size >= MAX_WAITING.all) throw busy();
      waiting.set(owner, [...own, job]);
      size += 1;
    },
    next(): Job | undefined {
      const [first] = waiting;
      if (!first) return undefined;
      const [owner, [job, ...others]] = first;
      waiting.delete(owner);
      if (others.length > 0) waiting.set(owner, others);
      size -= 1;
      return job;
    },
  };
}
