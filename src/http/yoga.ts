import {
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
} from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import { accessOf } from '../access/access.ts';
import { become, type Context, confirm, endTransaction, type Parts } from '../context.ts';
import type { Work } from '../db/work.ts';
import { type Actor, ANONYMOUS } from '../identity/actor.ts';
import { createShowErrors, type ShowErrors, useErrors } from './errors.ts';
import { createExecute, type Execute } from './executor/execute.ts';
import { DEFAULT_QUERY } from './graphiql.ts';
import { useLimits } from './limits.ts';
import type { Claim } from './memory.ts';
import type { Trace } from './trace.ts';
import { takingTurns } from './turns.ts';

/** What the HTTP edge knows before GraphQL begins. */
export interface ServerContext {
  requestId: string;
  address: string;
  /** The Authorization header. */
  authorization: string | null;
  userAgent: string | null;
  work: Work;
  trace: Trace;
  claim: Claim;
}

export type Yoga = YogaServerInstance<ServerContext, Context>;

export interface Graphql {
  yoga: Yoga;
  showErrors: ShowErrors;
}

export function createGraphql(schema: GraphQLSchema, parts: Parts, execute: Execute = createExecute()): Graphql {
  const { config } = parts;
  const mayIntrospect = ({ authorization }: ServerContext): boolean =>
    config.introspection === 'public' || authorization !== null;
  const costs = new WeakMap<object, number>();
  const costOf = (args: ExecutionArgs): number => costs.get(args.contextValue as object) ?? 0;
  const showErrors = createShowErrors(parts, mayIntrospect);
  const yoga = createYoga<ServerContext, Context>({
    schema,
    context: (server) => createContext(parts, server),
    graphqlEndpoint: '/graphql',
    landingPage: false,
    graphiql: { defaultQuery: DEFAULT_QUERY, title: 'Ambit' },
    // Megabytes that an API alone never reads.
    renderGraphiQL: async (options) => (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options),
    // The errors plugin masks; yoga's own mask would not know the request.
    maskedErrors: false,
    logging: false,
    multipart: false,
    parserAndValidationCache: { documentCache: byText(), errorCache: byText() },
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
      useErrors(showErrors),
      useTrace(),
      useLimits((args, cost) => costs.set(args.contextValue as object, cost)),
      useIntrospection(mayIntrospect),
      useExecutor(takingTurns(confirming(execute), costOf)),
      useTransactionEnd(),
    ],
  });
  return { yoga, showErrors };
}

/** Characters of the documents that are kept parsed, validated and planned; what is made of one takes up to 200 times as much. */
const KEPT_TEXT = 500_000;

/** Bounded by size, not by number: a client can send very many, and very long ones. */
const byText = <Value extends object>() =>
  new LRUCache<string, Value>({ maxSize: KEPT_TEXT, sizeCalculation: (_value, text) => text.length + 1 });

/** Milliseconds for which an actor that was read is used without reading it again. */
const FRESH = 100;

async function createContext(parts: Parts, server: ServerContext): Promise<Context> {
  const { requestId, address, userAgent, authorization, work } = server;
  const authenticate = (): Promise<Actor> => parts.identity.authenticate(authorization, work);
  const presumed = await parts.identity.presume(authorization);
  const actor = presumed?.actor ?? (await authenticate());
  // The first mutation of a document need not ask again for what was read a moment ago.
  let unused: Actor | null = presumed ? null : actor;
  const readAt = performance.now();
  const ctx: Context = {
    parts,
    requestId,
    address,
    userAgent,
    work,
    authenticate: async () => {
      const isFresh = performance.now() - readAt < FRESH;
      const known = (isFresh && unused) || (await authenticate());
      unused = null;
      return known;
    },
    presumption: presumed && { confirm: presumed.confirm, confirmed: null },
    actor: ANONYMOUS,
    access: accessOf(null),
    binding: { organizationId: null, userId: null },
    mode: 'read only',
    transaction: null,
    event: {},
    dryRun: false,
    afterCommit: [],
    loaders: new Map(),
    passed: new Set(),
  };
  server.trace.actor = actor;
  server.claim(actor.organization?.id ?? '');
  become(ctx, actor);
  return ctx;
}

function useIntrospection(mayIntrospect: (server: ServerContext) => boolean): Plugin {
  return {
    onValidate({ addValidationRule, context }) {
      if (!mayIntrospect(context as unknown as ServerContext)) addValidationRule(NoSchemaIntrospectionCustomRule);
    },
  };
}

function useTrace(): Plugin<object, ServerContext> {
  return {
    onExecute({ args: { document, operationName, contextValue } }) {
      (contextValue as unknown as ServerContext).trace.operation =
        getOperationAST(document, operationName)?.name?.value ?? null;
    },
  };
}

function useExecutor(execute: Execute): Plugin {
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(execute),
  };
}

/**
 * Runs with the cached actor and reads the credential again in the same transaction. If it changed, the result is
 * discarded and the query runs once more, as who the caller is now. It also runs once more when its connection was
 * lost: it has only read.
 */
function confirming(execute: Execute): Execute {
  return async (args) => {
    const ctx = args.contextValue as Context;
    try {
      const result = await attempt(execute, args, ctx);
      if (result) return result;
      await endTransaction(ctx, 'rollback').catch(() => undefined);
      ctx.presumption = null;
      become(ctx, await ctx.authenticate());
      return await execute(args);
    } catch (error) {
      // A lookup that fails leaves no result behind which the transaction would be ended.
      await endTransaction(ctx, 'rollback').catch(() => undefined);
      throw error;
    }
  };
}

/** Null when the query has to run once more. */
async function attempt(execute: Execute, args: ExecutionArgs, ctx: Context): Promise<ExecutionResult | null> {
  try {
    const result = await execute(args);
    const isConfirmed = await confirm(ctx);
    return isConfirmed && !(await hasLostQuery(args, ctx)) ? result : null;
  } catch (error) {
    if (await hasLostQuery(args, ctx)) return null;
    throw error;
  }
}

async function hasLostQuery({ document, operationName }: ExecutionArgs, ctx: Context): Promise<boolean> {
  const transaction = await ctx.transaction?.catch(() => undefined);
  if (!transaction?.isLost || ctx.work.stopped) return false;
  return getOperationAST(document, operationName)?.operation === 'query';
}

/**
 * The transaction that reads of this operation shared ends with it, whatever came of it. Nobody waits for that: it has
 * changed nothing.
 */
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
