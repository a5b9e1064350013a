import type { Contender, Measured } from '../harness/rounds.ts';
import type { Ask, Question } from './role.ts';

/** A contender. All run in the same loop, so its cost is the same for all. */
export interface Asked {
  name: string;
  ask: Ask | ((question: Question) => Promise<boolean>);
  /** Number of passes over all questions in one round. Slow contenders have fewer. */
  passes: number;
  /** Whether `ask` returns a promise. */
  waits?: boolean;
}

export const UNIT = 'decisions/s';
export const FAST = 5_000;

/** Throws if two contenders decide a question differently. Returns the contenders to measure. */
export async function agreed(asked: Asked[], questions: Question[]): Promise<Contender[]> {
  let allowed = 0;
  for (const question of questions) allowed += (await agreedOn(question, asked)) ? 1 : 0;
  return asked.map((one) => contender(one, questions, allowed));
}

async function agreedOn(question: Question, asked: Asked[]): Promise<boolean> {
  const answers = await Promise.all(asked.map(({ ask }) => ask(question)));
  const at = answers.findIndex((answer) => answer !== answers[0]);
  if (at < 0) return answers[0] as boolean;
  throw new Error(
    `${JSON.stringify(question)}: ${asked[at]?.name} returns ${answers[at]}, and ${asked[0]?.name} does not`,
  );
}

/** Counts the decisions and checks the count, so that an optimizing compiler cannot remove calls. */
function contender({ name, ask, passes, waits }: Asked, questions: Question[], allowed: number): Contender {
  return {
    name,
    async measure() {
      const start = process.hrtime.bigint();
      const count = waits ? await countWaiting(ask, questions, passes) : countAllowed(ask as Ask, questions, passes);
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      if (count !== allowed * passes) throw new Error(`${name} allowed ${count} and not ${allowed * passes}`);
      return figures(seconds / (questions.length * passes));
    },
  };
}

const figures = (seconds: number): Measured => ({ value: 1 / seconds, details: { 'ns each': seconds * 1e9 } });

function countAllowed(ask: Ask, questions: Question[], passes: number): number {
  let allowed = 0;
  for (let pass = 0; pass < passes; pass += 1) for (const question of questions) if (ask(question)) allowed += 1;
  return allowed;
}

async function countWaiting(ask: Asked['ask'], questions: Question[], passes: number): Promise<number> {
  let allowed = 0;
  for (let pass = 0; pass < passes; pass += 1) for (const question of questions) if (await ask(question)) allowed += 1;
  return allowed;
}
