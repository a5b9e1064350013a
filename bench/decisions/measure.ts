import type { Contender, Measured } from '../harness/rounds.ts';
import type { Ask, Question } from './role.ts';

/** Who is asked: all contenders in one and the same loop, so that whatever the loop costs, it costs all of them. */
export interface Asked {
  name: string;
  ask: Ask | ((question: Question) => Promise<boolean>);
  /** How often all questions are asked in one round: fewer times of who is slow. */
  passes: number;
  /** Each answer is waited for. */
  waits?: boolean;
}

export const UNIT = 'decisions/s';
export const FAST = 5_000;

/** All decide every question alike, or nothing is measured. */
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
    `${JSON.stringify(question)}: ${asked[at]?.name} says ${answers[at]}, and ${asked[0]?.name} does not`,
  );
}

/** Answers are counted and the count is checked, so that none can be left out by an optimizing compiler, or be wrong. */
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
