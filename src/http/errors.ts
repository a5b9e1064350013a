import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Dependencies } from '../context.ts';
import { domainError, isAbortedTransaction } from '../db/constraints.ts';
import { AmbitError, type ErrorCode, unavailable } from '../lib/errors.ts';
import { describeError } from '../lib/log.ts';
import type { ServerContext } from './server-context.ts';
import { addCode } from './trace.ts';

export interface Result {
  data?: unknown;
  errors?: readonly GraphQLFormattedError[];
}

/** Gives every error a stable code, and keeps what is internal inside. */
export type ShowErrors = (result: Result, server: ServerContext) => Result;

export const createShowErrors =
  (parts: Dependencies, maySuggest: (server: ServerContext) => boolean): ShowErrors =>
  (result, server) => {
    const { errors, ...rest } = result;
    if (!errors) return result;
    const suggest = maySuggest(server);
    const causes = errors.map((error) => knownCause(error as GraphQLError));
    // The fields of a query share a transaction. The failure of one statement aborts those after it.
    const isAborted = causes.some(hasCode('UNAVAILABLE'));
    const shown = errors.map((error, at) => {
      const cause = isAborted && isAbortedTransaction(causes[at]) ? unavailable() : causes[at];
      return present(error as GraphQLError, cause, parts, server.requestId, suggest);
    });
    for (const { extensions } of shown) addCode(server.state.trace, extensions['code']);
    return { ...rest, errors: isUnavailable(rest.data, shown) ? shown : shown.map(withoutRetry) };
  };

/**
 * Whether the response gets status 503, which makes proxies and clients send the request again. Allowed only when no
 * root field was resolved and nothing can have been changed.
 */
function isUnavailable(data: unknown, errors: readonly GraphQLError[]): boolean {
  const failed = new Set(errors.map(({ path }) => path?.[0]));
  return (
    errors.every(({ extensions }) => extensions['code'] === 'UNAVAILABLE') &&
    Object.entries(data ?? {}).every(([name, value]) => value === null && failed.has(name))
  );
}

const withoutRetry = (error: GraphQLError): GraphQLError =>
  error.extensions['code'] === 'UNAVAILABLE' ? relocate(error, new AmbitError('UNAVAILABLE', error.message)) : error;

export function useErrors(showErrors: ShowErrors): Plugin<object, ServerContext> {
  return {
    onResultProcess({ result, setResult, serverContext }) {
      if (Symbol.asyncIterator in result || Array.isArray(result)) return;
      setResult(showErrors(result as Result, serverContext) as never);
    },
  };
}

/** What was thrown, as the domain's error if it has one. Null for an error of the request. */
function knownCause(error: GraphQLError): unknown {
  const root = rootOf(error);
  return root === null ? null : domainError(root);
}

const hasCode =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof AmbitError && error.code === code;

function present(
  error: GraphQLError,
  cause: unknown,
  parts: Dependencies,
  requestId: string,
  suggest: boolean,
): GraphQLError {
  if (cause === null) return asBadRequest(error, suggest);
  if (cause instanceof AmbitError) return rootOf(error) === cause ? error : relocate(error, cause);
  parts.log({ level: 'error', requestId, path: error.path, error: describeError(cause) });
  return relocate(
    error,
    new AmbitError('INTERNAL', `Something went wrong on our side. Tell the operator the request id ${requestId}.`),
  );
}

/** What was thrown; null for an error of the request, which graphql or yoga made itself. */
function rootOf(error: GraphQLError): unknown {
  let cause: unknown = error;
  while (cause instanceof GraphQLError && !(cause instanceof AmbitError)) {
    // graphql copies the extensions of what it wraps, the HTTP status among them.
    if (cause.originalError instanceof AmbitError) return cause.originalError;
    if (cause.extensions['http'] || (!cause.originalError && cause.path === undefined)) return null;
    if (!cause.originalError) break;
    cause = cause.originalError;
  }
  return cause;
}

const relocate = (at: GraphQLError, error: AmbitError): GraphQLError =>
  new GraphQLError(error.message, { nodes: at.nodes ?? null, path: at.path ?? null, extensions: error.extensions });

/** Status 400 for who accepts `application/graphql-response+json`; with plain JSON the specification wants 200. */
const WHERE_SPECIFIED = { status: 400, spec: true };

function asBadRequest(error: GraphQLError, suggest: boolean): GraphQLError {
  const message = suggest ? error.message : error.message.replace(/ Did you mean .+\?$/s, '');
  const { http = WHERE_SPECIFIED, originalError } = error.extensions;
  return new GraphQLError(message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    // A body that is no JSON is 400 for everybody.
    extensions: { code: 'BAD_REQUEST', http: originalError ? { status: 400 } : http },
  });
}
