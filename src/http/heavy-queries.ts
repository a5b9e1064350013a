import type { ExecutionArgs } from 'graphql';
import { type Context, setActor } from '../context.ts';
import { createShares, type Waiter } from '../db/shares.ts';
import { unavailable } from '../lib/errors.ts';
import { LIMITS } from './limits.ts';
import { isQuery } from './revalidation.ts';

/** An operation with at most this cost never waits for others. */
const LIGHT = LIMITS.cost / 10;
/** Maximum number of heavy queries that run, and that wait. One organization has at most half of each. */
const HEAVY = { running: 2, waiting: 100 };

/** Executes an operation with this cost, if necessary after others. */
export type HeavyQueries = <T>(
  args: ExecutionArgs,
  cost: number,
  execute: (args: ExecutionArgs) => Promise<T>,
) => Promise<T>;

type InTurn = <T>(args: ExecutionArgs, execute: (args: ExecutionArgs) => Promise<T>) => Promise<T>;

/**
 * Limits how many heavy queries run at once. Each result stays in memory until it is sent, and a single thread does not
 * compute them faster in parallel. Mutations never wait, because the actor that they use must have been read recently.
 */
export function createHeavyQueries(): HeavyQueries {
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
      const waiter: Waiter<void> = { owner, deadline: Number.POSITIVE_INFINITY, resolve: start, reject };
      if (!shares.add(waiter)) return reject(unavailable('Too many heavy queries are waiting. Try again in a moment.'));
      work.onStop.add(leave);
      startNext();
    });

  const runInTurn: InTurn = async (args, execute) => {
    const ctx = args.contextValue as Context;
    const owner = ctx.unit.binding.organizationId ?? '';
    await turn(ctx, owner);
    try {
      // The caller's credential may have changed while the query was waiting.
      if (!ctx.unit.revalidation) setActor(ctx, await ctx.authenticate());
      return await execute(args);
    } finally {
      // Runs after the result was serialized.
      setImmediate(() => {
        free += 1;
        shares.release(owner);
        startNext();
      });
    }
  };

  return (args, cost, execute) => (cost <= LIGHT || !isQuery(args) ? execute(args) : runInTurn(args, execute));
}
