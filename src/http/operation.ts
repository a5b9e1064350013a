import { type ExecutionArgs, type GraphQLSchema, getOperationAST, type OperationDefinitionNode } from 'graphql';
import type { Config } from '../config.ts';
import { endTransaction } from '../context.ts';
import { attemptsIn, checkAttempts } from './attempts.ts';
import { createHeavyQueries } from './heavy-queries.ts';
import { checkCredential, ignoresCredential } from './invalid-credential.ts';
import { createCostCheck } from './limits.ts';
import type { RequestContext } from './request-context.ts';
import { createCountOperation } from './request-count.ts';
import { rootFieldsOf } from './root-fields.ts';

/** Runs an operation whose document is valid: checks it, waits for its turn, executes it, and ends its transaction. */
export type RunOperation = <T>(
  args: ExecutionArgs,
  execute: (args: ExecutionArgs, cost: number) => Promise<T>,
) => Promise<T>;

/** What the checks need to know about an operation. Computed once for each document. */
interface OperationSummary {
  name: string | null;
  type: string;
  rootField: string;
  ignoresCredential: boolean;
  attempts: number;
  rootFields: number;
}

/** Yoga and the direct path share one `RunOperation`, so that the same checks and limits hold for all operations. */
export function createRunOperation(schema: GraphQLSchema, { introspection }: Config): RunOperation {
  const checkCost = createCostCheck(schema);
  const heavyQueries = createHeavyQueries();
  const countOperation = createCountOperation();
  const operations = new WeakMap<OperationDefinitionNode, OperationSummary>();

  function summaryOf({ document, operationName }: ExecutionArgs): OperationSummary {
    const operation = getOperationAST(document, operationName);
    if (!operation) throw new Error('yoga did not refuse an operation name that does not exist');
    let known = operations.get(operation);
    if (!known) {
      const rootFields = rootFieldsOf(document, operation);
      known = {
        name: operation.name?.value ?? null,
        type: operation.operation,
        rootField: new Set(rootFields).size === 1 ? (rootFields[0] as string) : 'several',
        ignoresCredential: ignoresCredential(rootFields, introspection === 'public'),
        attempts: attemptsIn(rootFields),
        rootFields: rootFields.length,
      };
      operations.set(operation, known);
    }
    return known;
  }

  return async (args, execute) => {
    const ctx = args.contextValue as RequestContext;
    const operation = summaryOf(args);
    ctx.state.trace.rootField = operation.rootField;
    checkCredential(ctx.state.credential, operation.ignoresCredential);
    checkAttempts(operation.attempts);
    const cost = checkCost(args);
    ctx.state.trace.operation = operation.name;
    const counted = countOperation(ctx, operation.rootFields, cost);
    if (counted instanceof Promise) await counted;
    const run = () => heavyQueries(args, cost, (checked) => execute(checked, cost));
    const { tracer } = ctx.work;
    try {
      const result = await (tracer ? tracer.inOperation(operation, run) : run());
      // The response does not wait for this, because the transaction is read-only: mutations have ended theirs.
      endTransaction(ctx, 'commit').catch(() => undefined);
      return result;
    } catch (error) {
      await endTransaction(ctx, 'rollback').catch(() => undefined);
      throw error;
    }
  };
}
