import type { ExecutionArgs, GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { Context, Dependencies } from '../context.ts';
import type { Answer, Explain } from '../executor/answer.ts';
import { createExecute, type Execute } from '../executor/execute.ts';
import { useCostExtension } from './cost-extension.ts';
import { createDirect, type Direct } from './direct.ts';
import { createDocumentCache, type DocumentCache, useDocumentCache } from './document-cache.ts';
import { useExplanation } from './explanation.ts';
import { useDocumentLimits } from './limits.ts';
import { createRunOperation } from './operation.ts';
import { RATE_LIMIT_HEADERS } from './rate-limit-headers.ts';
import { createContext } from './request-context.ts';
import { responseLimits } from './response-limit.ts';
import { createResultFormatter, type FormatResult, useResultFormat } from './result.ts';
import { answering, type ExecuteResolvers, revalidating } from './revalidation.ts';
import { createRules, useRules } from './rules.ts';
import type { ServerContext } from './server-context.ts';

export type Yoga = YogaServerInstance<ServerContext, Context>;

/** The GraphQL server, its direct path for cached documents, and the formatter of their results. */
export interface Graphql {
  schema: GraphQLSchema;
  yoga: Yoga;
  direct: Direct;
  formatResult: FormatResult;
  documents: DocumentCache;
}

export interface GraphqlOptions {
  execute?: Execute;
  /** Answers queries on the direct path. Without it, resolvers execute all of them. */
  answer?: Answer;
  /** Explains operations to everybody who asks. */
  explain?: Explain | undefined;
}

export function createGraphql(
  schema: GraphQLSchema,
  dependencies: Dependencies,
  { execute = createExecute(responseLimits(dependencies.config.responseLimit)), answer, explain }: GraphqlOptions = {},
): Graphql {
  const { config } = dependencies;
  const formatResult = createResultFormatter(dependencies);
  const rulesOf = createRules(config);
  const documents = createDocumentCache();
  const runOperation = createRunOperation(schema, config);
  const resolve = revalidating(execute);
  const yoga = createYoga<ServerContext, Context>({
    schema,
    context: (server) => createContext(dependencies, server),
    graphqlEndpoint: '/graphql',
    landingPage: false,
    // `playground/` serves the page.
    graphiql: false,
    // The errors plugin masks errors. Yoga's own function does not get the request.
    maskedErrors: false,
    logging: false,
    multipart: false,
    parserAndValidationCache: false,
    batching: false,
    cors:
      config.corsOrigins.length > 0
        ? {
            origin: config.corsOrigins,
            credentials: false,
            allowedHeaders: ['authorization', 'content-type', 'x-request-id'],
            exposedHeaders: ['x-request-id', ...RATE_LIMIT_HEADERS],
            methods: ['GET', 'POST'],
          }
        : false,
    plugins: [
      useResultFormat(formatResult),
      useDocumentLimits(),
      useRules(rulesOf),
      useDocumentCache(documents),
      useExecutor((args) => runOperation(args, resolve)),
      useCostExtension(),
      ...(explain ? [useExplanation(explain)] : []),
    ],
  });
  const direct = createDirect({
    schema,
    documents,
    rulesOf,
    createContext: (server) => createContext(dependencies, server),
    runOperation,
    execute: answer ? answering(answer, resolve, config.responseLimit) : resolve,
  });
  return { schema, yoga, direct, formatResult, documents };
}

function useExecutor(execute: ExecuteResolvers): Plugin {
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(execute as (args: ExecutionArgs) => unknown),
  };
}
