import type { Plugin } from 'graphql-yoga';
import type { Dependencies } from '../context.ts';
import { createErrorFormatter, type Result } from './errors.ts';
import { limitedStringify } from './response-limit.ts';
import type { ServerContext } from './server-context.ts';
import { createMaySuggest } from './suggestions.ts';

/** A result with the function that writes it. Yoga calls it instead of JSON.stringify. */
export interface FormattedResult extends Result {
  stringify: (result: Result) => string;
}

/** Prepares a result for the client: formats its errors and limits its size. */
export type FormatResult = (result: Result, server: ServerContext) => Promise<FormattedResult>;

export function createResultFormatter(dependencies: Dependencies): FormatResult {
  const formatErrors = createErrorFormatter(dependencies, createMaySuggest(dependencies));
  const { responseLimit } = dependencies.config;
  return async (result, server) => ({
    ...(result.errors ? await formatErrors(result, server) : result),
    stringify: limitedStringify(responseLimit, server.state),
  });
}

export function useResultFormat(formatResult: FormatResult): Plugin<object, ServerContext> {
  return {
    async onResultProcess({ result, setResult, serverContext }) {
      if (Symbol.asyncIterator in result || Array.isArray(result)) return;
      setResult((await formatResult(result as Result, serverContext)) as never);
    },
  };
}
