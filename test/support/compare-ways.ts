import { type ExecutionArgs, type ExecutionResult, getOperationAST, print } from 'graphql';
import type { AppOptions } from '../../src/app.ts';
import type { Context } from '../../src/context.ts';
import type { Answer } from '../../src/executor/answer.ts';

type Wrappers = Required<Pick<AppOptions, 'wrapAnswer' | 'wrapExecute'>>;

const contextOf = (args: ExecutionArgs): Context => args.contextValue as Context;

/** Whether the request failed in a way that the other execution need not share. */
const isInterrupted = (args: ExecutionArgs): boolean => {
  const { work } = contextOf(args);
  return work.stopped !== undefined || work.connection?.lost !== undefined;
};

/**
 * Executes each query on both ways in the same transaction, and reports each difference. `isEnabled` is asked for each
 * query, because a test may observe the statements of a query.
 */
export function compareWays(report: (difference: string) => void, isEnabled: () => boolean): Wrappers {
  function compare(args: ExecutionArgs, planned: string | null, { data, errors }: ExecutionResult): void {
    if (planned === null || isInterrupted(args)) return;
    const resolved = JSON.stringify(errors ? { data, errors } : { data });
    if (planned === resolved) return;
    const { document, variableValues } = args;
    const { user, principal, organization } = contextOf(args).unit.actor;
    const caller = `${user?.email ?? principal?.name ?? 'nobody'} in ${organization?.slug}`;
    report(
      [
        `${print(document)}\n${JSON.stringify(variableValues)} as ${caller}`,
        `planned:   ${planned}`,
        `resolvers: ${resolved}`,
      ].join('\n'),
    );
  }

  /** The planned answer after the resolvers have executed the query. An exception would only make the server slower. */
  async function answerAgain(answer: Answer, args: ExecutionArgs): Promise<string | null> {
    try {
      return await answer(args);
    } catch (error) {
      if (!isInterrupted(args)) report(`${print(args.document)}\nfailed: ${(error as Error).stack}`);
      return null;
    }
  }

  const isCompared = ({ document, operationName }: ExecutionArgs): boolean =>
    isEnabled() && getOperationAST(document, operationName)?.operation === 'query';

  return {
    wrapAnswer: (answer, execute) => (args) => {
      const planned = answer(args);
      if (!planned || !isCompared(args)) return planned;
      return planned.then(async (text) => {
        // A response above the limit stops the request.
        const isSmall = (text?.length ?? 0) * 2 <= contextOf(args).dependencies.config.responseLimit;
        if (text !== null && isSmall) compare(args, text, await execute(args));
        return text;
      });
    },
    wrapExecute: (execute, answer) => async (args) => {
      const result = await execute(args);
      if (isCompared(args) && !isInterrupted(args)) compare(args, await answerAgain(answer, args), result);
      return result;
    },
  };
}
