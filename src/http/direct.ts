import { type ExecutionArgs, GraphQLError, type GraphQLSchema, getOperationAST } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import { asksForCost } from './cost-extension.ts';
import type { DocumentCache } from './document-cache.ts';
import type { Result } from './errors.ts';
import { asksForPlan } from './explanation.ts';
import type { RunOperation } from './operation.ts';
import type { RequestContext } from './request-context.ts';
import type { RulesOf } from './rules.ts';
import type { ServerContext } from './server-context.ts';

/** The result of an operation, or the text of its response. Null if yoga must answer. */
export type Direct = (params: GraphQLParams, server: ServerContext) => Promise<Result | string> | null;

interface DirectOptions {
  schema: GraphQLSchema;
  documents: DocumentCache;
  rulesOf: RulesOf;
  createContext: (server: ServerContext) => Promise<RequestContext>;
  runOperation: RunOperation;
  execute: (args: ExecutionArgs, cost: number) => Promise<Result | string>;
}

/**
 * Runs operations whose documents are cached and valid for this caller, without the hooks of yoga and envelop. Yoga
 * answers all others, also those that name no operation of their document.
 */
export function createDirect({
  schema,
  documents,
  rulesOf,
  createContext,
  runOperation,
  execute,
}: DirectOptions): Direct {
  async function run(args: ExecutionArgs, server: ServerContext): Promise<Result | string> {
    try {
      const contextValue = await createContext(server);
      return await runOperation({ ...args, contextValue }, execute);
    } catch (error) {
      return { errors: errorsOf(error) };
    }
  }

  return (params, server) => {
    const { query = '', variables, operationName } = params;
    if (asksForPlan(params) || asksForCost(params)) return null;
    const document = documents.get(query);
    if (!document || !documents.isValid(document, rulesOf(server).key)) return null;
    const operation = getOperationAST(document, operationName);
    if (!operation || operation.operation === 'subscription') return null;
    return run({ schema, document, variableValues: variables, operationName }, server);
  };
}

/** The errors that yoga makes of an exception. */
function errorsOf(error: unknown): GraphQLError[] {
  if (error instanceof AggregateError) return error.errors.flatMap(errorsOf);
  if (error instanceof GraphQLError) return [error];
  return [new GraphQLError((error as Error).message, { originalError: error as Error })];
}
