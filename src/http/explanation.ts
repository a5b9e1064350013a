import type { ExecutionArgs, ExecutionResult } from 'graphql';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import type { Explain } from '../executor/answer.ts';

/** Whether the request asks how it is executed, with `extensions: { plan: true }` in its body. */
export const asksForPlan = ({ extensions }: GraphQLParams): boolean => extensions?.['plan'] === true;

/** Adds `extensions.plan` to the responses of requests that ask for it. For development. */
export function useExplanation(explain: Explain): Plugin {
  return {
    async onExecute({ args }) {
      const { params } = args.contextValue as { params?: GraphQLParams };
      if (!params || !asksForPlan(params)) return undefined;
      const plan = await explain(args as ExecutionArgs);
      return {
        onExecuteDone({ result, setResult }) {
          const { extensions, ...rest } = result as ExecutionResult;
          setResult({ ...rest, extensions: { ...extensions, plan } });
        },
      };
    },
  };
}
