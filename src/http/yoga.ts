import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { type GraphQLSchema, NoSchemaIntrospectionCustomRule } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import { accessOf } from '../access/access.ts';
import { become, type Context, endTransaction, type Parts } from '../context.ts';
import { type Actor, ANONYMOUS } from '../identity/actor.ts';
import { useErrors } from './errors.ts';
import { DEFAULT_QUERY } from './graphiql.ts';
import { useLimits } from './limits.ts';

/** What the HTTP edge knows before GraphQL begins. */
export interface ServerContext {
  requestId: string;
  address: string;
}

export type Yoga = YogaServerInstance<ServerContext, Context>;

export function createGraphql(schema: GraphQLSchema, parts: Parts): Yoga {
  const { config } = parts;
  const mayIntrospect = (request: Request): boolean =>
    config.introspection === 'public' || request.headers.has('authorization');
  return createYoga<ServerContext, Context>({
    schema,
    context: ({ request, requestId, address }) => createContext(parts, request, { requestId, address }),
    graphqlEndpoint: '/graphql',
    landingPage: false,
    graphiql: { defaultQuery: DEFAULT_QUERY, title: 'Ambit' },
    renderGraphiQL,
    // The errors plugin masks; yoga's own mask would not know the request.
    maskedErrors: false,
    logging: false,
    multipart: false,
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
    plugins: [useErrors(parts, mayIntrospect), useLimits(), useIntrospection(mayIntrospect), useTransactionEnd()],
  });
}

async function createContext(parts: Parts, request: Request, server: ServerContext): Promise<Context> {
  const header = request.headers.get('authorization');
  const authenticate = (): Promise<Actor> => parts.identity.authenticate(header);
  // The first mutation of a document need not ask again for what was read a moment ago.
  let unused: Actor | null = await authenticate();
  const ctx: Context = {
    parts,
    ...server,
    userAgent: request.headers.get('user-agent')?.slice(0, 200) ?? null,
    authenticate: async () => {
      const actor = unused ?? (await authenticate());
      unused = null;
      return actor;
    },
    actor: ANONYMOUS,
    access: accessOf(null),
    binding: { organizationId: null, userId: null },
    mode: 'read only',
    transaction: null,
    event: {},
    dryRun: false,
    afterCommit: [],
    loaders: new Map(),
  };
  become(ctx, unused);
  return ctx;
}

function useIntrospection(mayIntrospect: (request: Request) => boolean): Plugin {
  return {
    onValidate({ addValidationRule, context }) {
      const { request } = context as unknown as { request: Request };
      if (!mayIntrospect(request)) addValidationRule(NoSchemaIntrospectionCustomRule);
    },
  };
}

/** The transaction that reads of this operation shared ends with it, whatever came of it. */
function useTransactionEnd(): Plugin<Context> {
  return {
    onExecute() {
      return { onExecuteDone: ({ args }) => endTransaction(args.contextValue, 'commit').catch(() => undefined) };
    },
  };
}
