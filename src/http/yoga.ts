import { type ExecutionArgs, type GraphQLSchema, getOperationAST } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import {
  type Context,
  type Dependencies,
  endTransaction,
  newUnitOfWork,
  restart,
  revalidate,
  setActor,
} from '../context.ts';
import { createExecute, type Execute } from '../executor/execute.ts';
import type { Actor } from '../identity/actor.ts';
import { useAttemptLimit } from './attempts.ts';
import { useDocumentCache } from './document-cache.ts';
import { limitHeavyQueries } from './heavy-queries.ts';
import { useIntrospection } from './introspection.ts';
import { authenticateAgain, authenticateLater, useInvalidCredential } from './invalid-credential.ts';
import { useLimits } from './limits.ts';
import { responseLimits } from './response-limit.ts';
import { createResultFormatter, type FormatResult, useResultFormat } from './result.ts';
import type { ServerContext } from './server-context.ts';

export type Yoga = YogaServerInstance<ServerContext, Context>;

/** The GraphQL server and its formatter of results, which the fast path calls itself. */
export interface Graphql {
  schema: GraphQLSchema;
  yoga: Yoga;
  formatResult: FormatResult;
}

export function createGraphql(
  schema: GraphQLSchema,
  dependencies: Dependencies,
  execute: Execute = createExecute(responseLimits(dependencies.config.responseLimit)),
): Graphql {
  const { config } = dependencies;
  // An invalid credential is refused after the validation, before anything is executed.
  const mayIntrospect = ({ authorization }: ServerContext): boolean =>
    config.introspection === 'public' || authorization !== null;
  const costs = new WeakMap<object, number>();
  const costOf = (args: ExecutionArgs): number => costs.get(args.contextValue as object) ?? 0;
  const formatResult = createResultFormatter(dependencies);
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
            exposedHeaders: ['x-request-id'],
            methods: ['GET', 'POST'],
          }
        : false,
    plugins: [
      useResultFormat(formatResult),
      useInvalidCredential(config.introspection === 'public'),
      useAttemptLimit(),
      useLimits(schema, (args, cost) => costs.set(args.contextValue as object, cost)),
      useIntrospection(mayIntrospect),
      // After the plugins that add rules.
      useDocumentCache(),
      useExecutor(limitHeavyQueries(revalidating(execute), costOf)),
      useTransactionEnd(),
    ],
  });
  return { schema, yoga, formatResult };
}

/** Milliseconds during which a mutation uses the actor that was read for the request instead of reading it again. */
const FRESH = 100;

async function createContext(dependencies: Dependencies, server: ServerContext): Promise<Context> {
  const { requestId, address, userAgent, authorization, state } = server;
  const { work } = state;
  const authenticate = (): Promise<Actor> => dependencies.identity.authenticate(authorization, work);
  const cached = await dependencies.identity.findCached(authorization);
  const actor = cached?.actor ?? (await authenticateLater(state.credential, authenticate));
  // The first mutation of a document may use the actor that has just been read.
  let freshActor: Actor | null = cached ? null : actor;
  const readAt = performance.now();
  const ctx: Context = {
    dependencies,
    requestId,
    address,
    userAgent,
    work,
    authenticate: async () => {
      const isFresh = performance.now() - readAt < FRESH;
      const current = (isFresh && freshActor) || (await authenticateAgain(state.credential, authenticate));
      freshActor = null;
      return current;
    },
    unit: newUnitOfWork(cached && { cached, result: null }),
  };
  state.trace.actor = actor;
  state.chargeOrganization(actor.organization?.id ?? '');
  setActor(ctx, actor);
  return ctx;
}

function useExecutor(execute: Execute): Plugin {
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(execute),
  };
}

/**
 * Runs with the cached actor and reads the credential again in the same transaction. If it changed, the result is
 * discarded and the query runs again as the new actor. A query also runs again when its connection was lost, which is
 * safe because it only reads.
 */
function revalidating(execute: Execute): Execute {
  return async (args) => {
    const ctx = args.contextValue as Context & ServerContext;
    ctx.state.trace.operation = getOperationAST(args.document, args.operationName)?.name?.value ?? null;
    try {
      try {
        const result = await execute(args);
        if ((await revalidate(ctx)) && !isRetryable(args, ctx)) return result;
      } catch (error) {
        if (!isRetryable(args, ctx)) throw error;
      }
      await restart(ctx);
      return await execute(args);
    } catch (error) {
      // A failed lookup produces no result, so `useTransactionEnd` does not end the transaction.
      await endTransaction(ctx, 'rollback').catch(() => undefined);
      throw error;
    }
  };
}

const isRetryable = ({ document, operationName }: ExecutionArgs, { work }: Context): boolean =>
  work.connection?.lost !== undefined &&
  !work.stopped &&
  getOperationAST(document, operationName)?.operation === 'query';

/** Ends the read-only transaction of the operation. The response does not wait for this, because nothing was changed. */
function useTransactionEnd(): Plugin<Context> {
  return {
    onExecute() {
      return {
        onExecuteDone({ args }) {
          endTransaction(args.contextValue, 'commit').catch(() => undefined);
        },
      };
    },
  };
}
