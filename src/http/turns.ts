import { type ExecutionArgs, getOperationAST } from 'graphql';
import { become, type Context } from '../context.ts';
import { createShares, type Waiter } from '../db/shares.ts';
import { unavailable } from '../errors.ts';
import type { Execute } from './executor/execute.ts';
import { LIMITS } from './limits.ts';

/** An operation of at most this cost never waits for others. */
const LIGHT = LIMITS.cost / 10;
/** Heavy queries that run at once, of which one organization has at most half, and that may wait. */
const HEAVY = { running: 2, waiting: 100 };

const isQuery = ({ document, operationName }: ExecutionArgs): boolean =>
  getOperationAST(document, operationName)?.operation === 'query';

/**
 * Runs few heavy queries at once. Their results are all in memory until they are sent, and one thread does not compute
 * them faster side by side. Mutations never wait: they begin with an actor who was read a moment before.
 */
export function takingTurns(execute: Execute, costOf: (args: ExecutionArgs) => number): Execute {
  const shares = createShares<void>(HEAVY.running, HEAVY.waiting);
  let free = HEAVY.running;

  function startNext(): void {
    for (let next = free > 0 && shares.next(); next; next = free > 0 && shares.next()) {
      free -= 1;
      next.resolve();
    }
  }

  const turn = ({ work }: Context, owner: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        if (shares.remove(waiter)) reject(work.stopped);
      };
      const start = (): void => {
        work.onStop.delete(leave);
        resolve();
      };
      const waiter: Waiter<void> = { owner, until: Number.POSITIVE_INFINITY, resolve: start, reject };
      if (!shares.add(waiter)) return reject(unavailable('Too many heavy queries wait. Try again in a moment.'));
      work.onStop.add(leave);
      startNext();
    });

  return async (args) => {
    if (costOf(args) <= LIGHT || !isQuery(args)) return await execute(args);
    const ctx = args.contextValue as Context;
    const owner = ctx.binding.organizationId ?? '';
    await turn(ctx, owner);
    try {
      // Who the caller is may have changed during the wait.
      if (!ctx.presumption) become(ctx, await ctx.authenticate());
      return await execute(args);
    } finally {
      // After the result has become text.
      setImmediate(() => {
        free += 1;
        shares.giveBack(owner);
        startNext();
      });
    }
  };
}
