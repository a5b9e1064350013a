import { type ExecutionArgs, getOperationAST } from 'graphql';
import type { Execute } from './executor/execute.ts';
import { LIMITS } from './limits.ts';

/** An operation of at most this cost never waits for others. */
const LIGHT = LIMITS.cost / 10;

const isQuery = ({ document, operationName }: ExecutionArgs): boolean =>
  getOperationAST(document, operationName)?.operation === 'query';

/**
 * Heavy queries that run at once cost together at most what one may; the others wait in their order. Their results are
 * all in memory until they are sent, and one thread does not compute them faster side by side. Mutations never wait:
 * they begin with an actor who was read a moment before.
 */
export function takingTurns(execute: Execute, costOf: (args: ExecutionArgs) => number): Execute {
  let running = 0;
  const waiting: { cost: number; start: () => void }[] = [];

  const startNext = (): void => {
    const [next] = waiting;
    if (!next || running + next.cost > LIMITS.cost) return;
    waiting.shift();
    running += next.cost;
    next.start();
    startNext();
  };

  return async (args) => {
    const cost = costOf(args);
    if (cost <= LIGHT || !isQuery(args)) return await execute(args);
    await new Promise<void>((start) => {
      waiting.push({ cost, start });
      startNext();
    });
    try {
      return await execute(args);
    } finally {
      // After the result has become text.
      setImmediate(() => {
        running -= cost;
        startNext();
      });
    }
  };
}
