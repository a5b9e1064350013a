import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import { DateTimeResolver, JSONResolver } from 'graphql-scalars';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { DEFAULT_PAGE, MAX_PAGE } from '../db/page.ts';
import { USER_ERROR_CODES, type UserError } from '../lib/errors.ts';
import { publicIdOf, typedIdOf } from '../lib/ids.ts';
import { authScopes, guardPlugin, refusedFieldError } from './guard.ts';
import { visibleNodes } from './nodes.ts';
import { permissionCachePlugin } from './permission-cache.ts';

export interface BuilderTypes {
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  AuthScopes: { permission: Permission; own: 'look' | 'change' };
  Connection: { totalCount: () => Promise<number> };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    JSON: { Input: unknown; Output: unknown };
    Permission: { Input: string; Output: string };
  };
}

export const builder = new SchemaBuilder<BuilderTypes>({
  // The guard comes first: it turns `permission` into scope-auth's scopes and wraps its checks. The permission cache
  // comes right behind scope-auth, whose decisions it caches.
  plugins: [guardPlugin, ScopeAuthPlugin, permissionCachePlugin, RelayPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  scopeAuth: { authScopes, unauthorizedError: refusedFieldError },
  complexity: { defaultListMultiplier: 10 },
  relay: {
    encodeGlobalID: (typename, id) => publicIdOf(typename, String(id)),
    decodeGlobalID: (id) => typedIdOf(id),
    cursorType: 'String',
    edgesFieldOptions: {
      nullable: false,
      complexity: { field: 0, multiplier: 1 },
      description: 'The page with a cursor for each item. Ask `nodes` where you need no cursors.',
    },
    nodesOnConnection: { complexity: { field: 0, multiplier: 1 }, description: 'The items of the page.' },
    pageInfoFieldOptions: { complexity: 0, description: 'Where this page ends and whether more follows.' },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: 'Where this item stands: give it as `after` or `before`.' },
    firstArgOptions: {
      description: `How many items from the start, at most ${MAX_PAGE}; ${DEFAULT_PAGE} unless told.`,
    },
    afterArgOptions: { description: 'Only what follows this cursor.' },
    lastArgOptions: { description: `How many items from the end, at most ${MAX_PAGE}; not together with \`first\`.` },
    beforeArgOptions: { description: 'Only what precedes this cursor.' },
    hasNextPageFieldOptions: { description: 'Whether items follow this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether items precede this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first item; null on an empty page.' },
    endCursorFieldOptions: { description: 'The cursor of the last item; null on an empty page.' },
    pageInfoTypeOptions: { public: true, description: 'Paging, as in the Relay cursor connections specification.' },
    // What the two reach carries its own permission; the list's field carries it a second time.
    defaultConnectionTypeOptions: { public: true, description: 'A page of a list.' },
    defaultEdgeTypeOptions: { public: true, description: 'An item of a list with its cursor.' },
    defaultConnectionFieldOptions: {
      complexity: (args: { first?: number | null; last?: number | null }) => ({
        field: 1,
        multiplier: Math.max(args.first ?? args.last ?? DEFAULT_PAGE, 1),
      }),
    } as never,
    nodeTypeOptions: { description: 'Everything that has an id, as in the Relay object identification specification.' },
    idFieldOptions: { description: 'Names this object everywhere; its prefix tells the type.' },
    nodeQueryOptions: {
      own: true,
      nullable: true,
      description: 'The object with this id; null when there is none, or none that the caller may see.',
      args: { id: { description: 'Its id.' } },
      resolve: async (_root, { id }, ctx, info, load) =>
        (await visibleNodes([id], ctx, info, async () => [await load(id)]))[0],
    },
    nodesQueryOptions: {
      own: true,
      nullable: { list: true, items: true },
      description: `The objects with these ids, in their order, at most ${MAX_PAGE}; null in the place of one that does not exist or that the caller may not see.`,
      args: { ids: { description: 'Their ids.' } },
      complexity: (args) => ({ field: 1, multiplier: Math.max(args.ids.length, 1) }),
      resolve: (_root, { ids }, ctx, info, load) => visibleNodes(ids, ctx, info, load),
    },
  },
});

builder.addScalarType('DateTime', DateTimeResolver);
builder.addScalarType('JSON', JSONResolver);
builder.scalarType('Permission', {
  description:
    'The name of a permission, `resource:action`, such as `check:update`. The query `permissions` lists all.',
  serialize: String,
});

builder.queryType({ description: 'What can be asked. `@requires` says which permission a field needs.' });
builder.mutationType({
  description:
    'What can be changed. Fields run one after the other, each in a transaction of its own: one that fails leaves the others as they are.',
});

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    description: 'How many items there are on all pages together. Counted only when asked for.',
    resolve: (connection) => connection.totalCount(),
  }),
);

export const Node = builder.nodeInterfaceRef();

const UserErrorCode = builder.enumType('UserErrorCode', {
  description: 'What is wrong with the input. Codes are stable, messages are not.',
  values: Object.fromEntries(Object.entries(USER_ERROR_CODES).map(([code, description]) => [code, { description }])),
});

const UserErrorType = builder.objectRef<UserError>('UserError').implement({
  description: 'Something in the input that the caller can mend. When there is one, nothing was changed.',
  public: true,
  fields: (t) => ({
    code: t.field({ type: UserErrorCode, description: 'What is wrong.', resolve: (error) => error.code }),
    message: t.exposeString('message', { description: 'What is wrong, for people.' }),
    path: t.exposeStringList('path', { description: 'Where in the input, such as `["name"]`.' }),
    usedBy: t.field({
      type: [Node],
      description: 'With IN_USE, what uses the object: at most 100, and only what the caller may see.',
      resolve: (error) => [...(error.usedBy ?? [])],
    }),
  }),
});

/** The interface of all payloads of mutations. */
export const Payload = builder.interfaceRef<{ errors?: UserError[] }>('MutationPayload').implement({
  description: 'What every mutation answers: its result, or what is wrong with the input.',
  fields: (t) => ({
    errors: t.field({
      type: [UserErrorType],
      description: 'What is wrong with the input; empty when the mutation did what was asked.',
      resolve: (payload) => payload.errors ?? [],
    }),
  }),
});

export type SchemaTypes = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never;
