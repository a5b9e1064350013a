import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql';
import { type Context, restart, revalidate } from '../context.ts';
import type { Answer } from '../executor/answer.ts';
import type { Execute } from '../executor/execute.ts';
import { CHARACTERS_PER_COST } from '../graphql/cost.ts';
import { AmbitError } from '../lib/errors.ts';
import { fits } from './response-limit.ts';

/** Executes an operation with its resolvers. */
export type ExecuteResolvers = (args: ExecutionArgs) => Promise<ExecutionResult>;

/**
 * Runs with the cached actor and reads the credential again in the same transaction. If it changed, the result is
 * discarded and the query runs again as the new actor. A query also runs again when its connection was lost, which is
 * safe because it only reads.
 */
export function revalidating(execute: Execute): ExecuteResolvers {
  return async (args) => {
    const ctx = args.contextValue as Context;
    try {
      const result = await execute(args);
      if ((await revalidate(ctx)) && !isRetryable(args, ctx)) return result;
    } catch (error) {
      if (!isRetryable(args, ctx)) throw error;
    }
    await restart(ctx);
    return await execute(args);
  };
}

export const isQuery = ({ document, operationName }: ExecutionArgs): boolean =>
  getOperationAST(document, operationName)?.operation === 'query';

const isRetryable = (args: ExecutionArgs, { work }: Context): boolean =>
  work.connection?.lost !== undefined && !work.stopped && isQuery(args);

/**
 * Answers queries with planned statements if possible. The text is returned only after the credential was confirmed. If
 * the text is larger than half of `limit` bytes, or anything has failed, the resolvers run anew and report the error.
 */
export function answering(answer: Answer, resolve: ExecuteResolvers, limit: number) {
  const confirm = async (args: ExecutionArgs, pending: Promise<string | null>): Promise<ExecutionResult | string> => {
    const ctx = args.contextValue as Context;
    try {
      const text = await pending;
      // Near the limit the resolvers decide. They count a short value with up to twice the bytes that it has.
      const isConfirmed = text !== null && (await revalidate(ctx)) && !isRetryable(args, ctx);
      if (isConfirmed && fits(text, limit / 2)) return text;
    } catch (error) {
      // The error may be that of the cancelled statement.
      if (ctx.work.stopped) throw ctx.work.stopped;
      // The resolvers would wait for a connection once more.
      if (error instanceof AmbitError && error.code === 'UNAVAILABLE') throw error;
    }
    await restart(ctx);
    return await resolve(args);
  };

  return (args: ExecutionArgs, cost: number): Promise<ExecutionResult | string> => {
    // The resolvers stop at the limit, and a statement reads everything.
    const pending = isQuery(args) && cost * CHARACTERS_PER_COST <= limit ? answer(args) : null;
    return pending ? confirm(args, pending) : resolve(args);
  };
}
