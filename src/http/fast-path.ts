import type { IncomingMessage } from 'node:http';
import { type FetchAPI, type GraphQLParams, processRegularResult } from 'graphql-yoga';
import type { Config } from '../config.ts';
import type { Answer } from './answer.ts';
import type { Result } from './errors.ts';
import { LIMITS } from './limits.ts';
import type { ServerContext } from './server-context.ts';
import type { Graphql } from './yoga.ts';

/** Answers a request, or gives null when it is of another kind. */
export type FastPath = (req: IncomingMessage, body: Buffer, server: ServerContext) => Promise<Answer | null>;

const JSON_TYPES = new Set(['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-8']);

/** The media type of the answer, for the Accept headers that clients of GraphQL send. */
const ANSWERED = new Map<string | undefined, string>([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['application/json', 'application/json'],
  ['application/graphql-response+json', 'application/graphql-response+json'],
  ['application/graphql-response+json, application/json;q=0.9', 'application/graphql-response+json'],
  ['application/graphql-response+json, application/json; q=0.9', 'application/graphql-response+json'],
  ['application/graphql-response+json, application/json', 'application/graphql-response+json'],
  ['application/json, */*', 'application/json'],
]);

/** Yoga makes its `Response` of this, so that status, headers and body are its own. */
const ANSWER_API = {
  Response: function answerOf(body: string, { status, headers }: Omit<Answer, 'body'>): Answer {
    return { status, headers, body };
  },
} as unknown as FetchAPI;

/**
 * The short way for what nearly every request is: a POST of a JSON object with one well-formed operation. It enters
 * yoga's pipeline behind its `Request`, stream and `Response`, which cost more than a small operation. Whatever is
 * unusual goes the long way; both answer alike.
 */
export function createFastPath({ yoga, showErrors }: Graphql, config: Config): FastPath {
  const isUsual = ({ method, url, headers }: IncomingMessage): boolean =>
    method === 'POST' &&
    url === '/graphql' &&
    JSON_TYPES.has(headers['content-type'] ?? '') &&
    (headers.origin === undefined || config.corsOrigins.length === 0);

  return async (req, body, server) => {
    const mediaType = ANSWERED.get(req.headers.accept);
    const params = mediaType && isUsual(req) ? paramsOf(body) : null;
    if (!mediaType || !params) return null;
    const request = { method: 'POST', url: '/graphql' } as Request;
    const result = (await yoga.getResultForParams({ params, request }, server as never)) as Result;
    return processRegularResult(showErrors(result, server) as never, ANSWER_API, mediaType) as unknown as Answer;
  };
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean => typeof value === 'string';

const PARAMS: Record<string, (value: unknown) => boolean> = {
  query: (value) => isText(value) && (value as string).length <= LIMITS.characters,
  variables: isObject,
  extensions: isObject,
  operationName: isText,
};

/** Null for everything that yoga would refuse before it is executed: it says best what is wrong. */
function paramsOf(body: Buffer): GraphQLParams | null {
  const params = parse(body);
  if (!isObject(params) || !(params as GraphQLParams).query) return null;
  const good = Object.entries(params as object).every(
    ([name, value]) => Object.hasOwn(PARAMS, name) && (value == null || PARAMS[name]?.(value)),
  );
  return good ? (params as GraphQLParams) : null;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}
