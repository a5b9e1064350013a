import type { ThreadLimits } from '../thread/host.ts';
import { createRunner, type RunOptions } from '../thread/runner.ts';
import type { EventRules, PayloadOutcome, RuleProblem, Task, TaskResult } from './messages.ts';

/**
 * Runs jq programs and Liquid templates of organizations on payloads, in a thread. A program can loop forever, so a task that
 * exceeds a limit is stopped with its thread. `owner` is the organization.
 */
export interface EventEvaluator {
  /** The first problem of rules. Null if they can be used. */
  check(owner: string, rules: EventRules, options?: RunOptions): Promise<RuleProblem | null>;
  /** The outcome of each payload, which is a JSON text. */
  evaluate(
    owner: string,
    rules: EventRules,
    payloads: readonly string[],
    options?: EvaluateOptions,
  ): Promise<PayloadOutcome[]>;
  /** Ends the thread. A later call starts another one. */
  stop(): Promise<void>;
}

export interface EvaluateOptions extends RunOptions {
  /** Gets the milliseconds of CPU time of each task. */
  readonly onCpu?: (milliseconds: number) => void;
}

/** The memory is that for objects of JavaScript. `jq.ts` has a limit for that of jq. */
const LIMITS: ThreadLimits = { cpuMs: 2_000, memoryMb: 192 };

const CODE = { name: 'event-rules', url: new URL('./thread.ts', import.meta.url) };

/** Payloads of one task: at most so many, and so many characters together. */
const SLICE = { payloads: 100, characters: 1_000_000 };

/**
 * Maximum number of payloads of one call that exceed a limit. After that, payloads that would be evaluated one by one get an
 * error instead.
 */
const MAX_FAILURES = 3;

const TOO_COMPLEX = 'The check takes too much time or memory for this payload.';
const GIVEN_UP = 'The check takes too much time or memory for payloads of the same batch.';

export function createEventEvaluator(limits: ThreadLimits = LIMITS): EventEvaluator {
  const busy = 'Too many evaluations of checks are queued.';
  const { run, stop } = createRunner<Task, TaskResult>({ code: CODE, limits, busy });

  async function outcomesOf(
    owner: string,
    rules: EventRules,
    payloads: readonly string[],
    { onCpu, ...options }: EvaluateOptions,
  ) {
    const task: Task = { kind: 'evaluate', rules, payloads };
    const result = (await run(owner, task, options)) as TaskResult<'evaluate'> | null;
    onCpu?.(result?.cpuMs ?? limits.cpuMs);
    return result?.outcomes ?? null;
  }

  return {
    stop,
    async check(owner, rules, options) {
      const result = (await run(owner, { kind: 'check', rules }, options)) as TaskResult<'check'> | null;
      if (result) return result.problem;
      return { field: 'serviceSelector', message: 'takes too much time or memory to compile' };
    },
    async evaluate(owner, rules, payloads, options = {}) {
      const all: PayloadOutcome[] = [];
      let failures = 0;
      for (const slice of slicesOf(payloads)) {
        const outcomes = slice.length > 1 ? await outcomesOf(owner, rules, slice, options) : null;
        if (outcomes) all.push(...outcomes);
        // One payload has exceeded a limit. The others are still evaluated.
        else
          for (const payload of slice) {
            const own =
              failures < MAX_FAILURES ? await outcomesOf(owner, rules, [payload], options) : [{ error: GIVEN_UP }];
            if (!own) failures += 1;
            all.push(own?.[0] ?? { error: TOO_COMPLEX });
          }
      }
      return all;
    },
  };
}

function slicesOf(payloads: readonly string[]): string[][] {
  const slices: string[][] = [];
  let characters = 0;
  for (const payload of payloads) {
    const last = slices.at(-1);
    characters += payload.length;
    if (last && last.length < SLICE.payloads && characters <= SLICE.characters) last.push(payload);
    else {
      slices.push([payload]);
      characters = payload.length;
    }
  }
  return slices;
}
