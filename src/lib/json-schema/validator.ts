import type { ThreadLimits } from '../thread/host.ts';
import { createRunner } from '../thread/runner.ts';
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

const CODE = { name: 'json-schema', url: new URL('./thread.ts', import.meta.url) };

const TOO_COMPLEX = 'takes too much time or memory to check against its schema';

export function createSchemaValidator(limits: ThreadLimits = LIMITS): SchemaValidator {
  const busy = 'Too many validations of schemas and values are queued.';
  const { run, stop } = createRunner<Task, TaskResult>({ code: CODE, limits, busy });
  const runTask = <Kind extends Task['kind']>(owner: string, task: Task & { kind: Kind }) =>
    run(owner, task) as Promise<TaskResult<Kind> | null>;
  return {
    stop,
    async check(owner, schema) {
      const result = await runTask(owner, { kind: 'check', schema: JSON.stringify(schema) });
      return result ? result.problem : { path: [], message: 'takes too much time or memory to compile' };
    },
    async validate(owner, schema, values) {
      if (values.length === 0) return [];
      const texts = { schema: JSON.stringify(schema), values: JSON.stringify(values) };
      const result = await runTask(owner, { kind: 'validate', ...texts });
      return result ? result.problems : values.map((_, item) => ({ item, path: [], message: TOO_COMPLEX }));
    },
  };
}
