import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Dependencies } from '../context.ts';
import { domainError, isAbortedTransaction } from '../db/constraints.ts';
import { AmbitError, type ErrorCode, unavailable } from '../lib/errors.ts';
import { describeError } from '../lib/log.ts';
import { internalErrorMessage } from './response.ts';
import type { ServerContext } from './server-context.ts';
import { type MaySuggest, withoutSuggestion } from './suggestions.ts';
import { addError } from './trace.ts';

/** The result of an operation. */
export interface Result {
  data?: unknown;
  errors?: readonly GraphQLFormattedError[];
}

/** Adds a stable code to each error and masks internal errors. */
export type FormatErrors = (result: Result, server: ServerContext) => Promise<Result>;

export const createErrorFormatter =
  (dependencies: Dependencies, maySuggest: MaySuggest): FormatErrors =>
  async (result, server) => {
    const { errors, ...rest } = result;
    if (!errors) return result;
    const suggest = await maySuggest(errors, server);
    const causes = errors.map((error) => knownCause(error as GraphQLError));
    // The fields of a query share a transaction. The failure of one statement aborts those after it.
    const isAborted = causes.some(hasCode('UNAVAILABLE'));
    const formatted = errors.map((error, at) => {
      const cause = isAborted && isAbortedTransaction(causes[at]) ? unavailable() : causes[at];
      return formatError(error as GraphQLError, cause, dependencies, server.requestId, suggest);
    });
    for (const { extensions } of formatted) addError(server.state.trace, extensions);
    return { ...rest, errors: isUnavailable(rest.data, formatted) ? formatted : formatted.map(withoutRetry) };
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

/** The thrown error, or the domain error for it. Null if the request itself is invalid. */
function knownCause(error: GraphQLError): unknown {
  const root = rootOf(error);
  return root === null ? null : domainError(root);
}

const hasCode =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof AmbitError && error.code === code;

function formatError(
  error: GraphQLError,
  cause: unknown,
  dependencies: Dependencies,
  requestId: string,
  suggest: boolean,
): GraphQLError {
  if (cause === null) return asBadRequest(error, suggest);
  if (cause instanceof AmbitError) return rootOf(error) === cause ? error : relocate(error, cause);
  dependencies.log({ level: 'error', requestId, path: error.path, error: describeError(cause) });
  return relocate(error, new AmbitError('INTERNAL', internalErrorMessage(requestId)));
}

/** The thrown error. Null for an error that graphql or yoga created, because the request itself is invalid. */
function rootOf(error: GraphQLError): unknown {
  let cause: unknown = error;
  while (cause instanceof GraphQLError && !(cause instanceof AmbitError)) {
    // graphql copies the extensions of the error that it wraps, including the HTTP status.
    if (cause.originalError instanceof AmbitError) return cause.originalError;
    if (cause.extensions['http'] || (!cause.originalError && cause.path === undefined)) return null;
    if (!cause.originalError) break;
    cause = cause.originalError;
  }
  return cause;
}

const relocate = (at: GraphQLError, error: AmbitError): GraphQLError =>
  new GraphQLError(error.message, { nodes: at.nodes ?? null, path: at.path ?? null, extensions: error.extensions });

/**
 * Status 400 for clients that accept `application/graphql-response+json`. For `application/json`, the GraphQL over HTTP
 * specification requires status 200.
 */
const HTTP_BAD_REQUEST = { status: 400, spec: true };

function asBadRequest(error: GraphQLError, suggest: boolean): GraphQLError {
  const message = suggest ? error.message : withoutSuggestion(error.message);
  const { http = HTTP_BAD_REQUEST, originalError } = error.extensions;
  return new GraphQLError(message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    // A body that is not valid JSON gets status 400 with each media type.
    extensions: { code: 'BAD_REQUEST', http: originalError ? { status: 400 } : http },
  });
}
