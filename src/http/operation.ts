import { type ExecutionArgs, type GraphQLSchema, getOperationAST } from 'graphql';
import type { Config } from '../config.ts';
import { endTransaction } from '../context.ts';
import { checkAttempts } from './attempts.ts';
import { createHeavyQueries } from './heavy-queries.ts';
import { checkCredential } from './invalid-credential.ts';
import { createCostCheck } from './limits.ts';
import type { RequestContext } from './request-context.ts';

/** Runs an operation whose document is valid: checks it, waits for its turn, executes it, and ends its transaction. */
export type RunOperation = <T>(args: ExecutionArgs, execute: (args: ExecutionArgs) => Promise<T>) => Promise<T>;

/** Yoga and the direct way share one `RunOperation`, so that the same checks and limits hold for all operations. */
export function createRunOperation(schema: GraphQLSchema, { introspection }: Config): RunOperation {
  const checkCost = createCostCheck(schema);
  const heavyQueries = createHeavyQueries();

  return async (args, execute) => {
    const ctx = args.contextValue as RequestContext;
    checkCredential(args, introspection === 'public');
    checkAttempts(args);
    const cost = checkCost(args);
    ctx.state.trace.operation = getOperationAST(args.document, args.operationName)?.name?.value ?? null;
    try {
      const result = await heavyQueries(args, cost, execute);
      // The response does not wait for this, because the transaction is read-only: mutations have ended theirs.
      endTransaction(ctx, 'commit').catch(() => undefined);
      return result;
    } catch (error) {
      await endTransaction(ctx, 'rollback').catch(() => undefined);
      throw error;
    }
  };
}
