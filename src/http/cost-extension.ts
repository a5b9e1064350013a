import type { ExecutionResult } from 'graphql';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { visibleLimits } from './rate-limit-headers.ts';
import type { RequestContext } from './request-context.ts';

/** Whether the request asks for its cost, with `extensions: { cost: true }` in its body. */
export const asksForCost = ({ extensions }: GraphQLParams): boolean => extensions?.['cost'] === true;

/** Adds `extensions.cost` to the responses of requests that ask for it: the cost, and the state of the limits. */
export function useCostExtension(): Plugin {
  return {
    onExecute({ args }) {
      const ctx = args.contextValue as unknown as RequestContext & { params?: GraphQLParams };
      if (!ctx.params || !asksForCost(ctx.params)) return undefined;
      return {
        onExecuteDone({ result, setResult }) {
          const { counted, trace } = ctx.state;
          if (!counted) return;
          const { cost, requests } = counted;
          const limits = visibleLimits(counted, trace.actor, ctx.dependencies);
          const { extensions, ...rest } = result as ExecutionResult;
          setResult({ ...rest, extensions: { ...extensions, cost: { cost, requests, limits } } });
        },
      };
    },
  };
}
