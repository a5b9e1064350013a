import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import type { Permission } from '../access/catalog.ts';
import type { Context } from '../context.ts';
import { DEFAULT_PAGE, MAX_PAGE, type PageArgs } from '../db/page.ts';
import { ERROR_CODES, USER_ERROR_CODES, type UserError } from '../lib/errors.ts';
import { publicIdOf, typedIdOf } from '../lib/ids.ts';
import { YEARS } from '../lib/storable.ts';
import { costPlugin, LIST_COST } from './cost.ts';
import { authScopes, guardPlugin, refusedFieldError } from './guard.ts';
import { nodeIdPlugin } from './node-id.ts';
import { visibleNodes } from './nodes.ts';
import { permissionCachePlugin } from './permission-cache.ts';
import { DateTime, Json, parseText } from './scalars.ts';
import { withSource } from './source.ts';
import { visibilityPlugin } from './visibility.ts';

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

/** The description of every field `id` of a node. */
export const ID = 'Globally unique ID. The prefix names the type.';

/** The cost of a list: that of the items of a page, and of the field itself. */
export const pageCost = ({ first, last }: PageArgs, field = 1) => ({
  field,
  multiplier: Math.max(first ?? last ?? DEFAULT_PAGE, 1),
});

export const builder = new SchemaBuilder<BuilderTypes>({
  // The guard precedes scope-auth: it turns `permission` into scopes of scope-auth, and wraps the checks. The permission
  // cache comes right after scope-auth, whose results it keeps. The cost is last: the configuration of a field is passed
  // from the last plugin to the first one.
  plugins: [
    visibilityPlugin,
    guardPlugin,
    ScopeAuthPlugin,
    permissionCachePlugin,
    RelayPlugin,
    nodeIdPlugin,
    ComplexityPlugin,
    costPlugin,
  ],
  defaultFieldNullability: false,
  scopeAuth: { authScopes, unauthorizedError: refusedFieldError },
  complexity: { defaultListMultiplier: LIST_COST },
  relay: {
    encodeGlobalID: (typename, id) => publicIdOf(typename, String(id)),
    decodeGlobalID: (id) => typedIdOf(id),
    cursorType: 'String',
    edgesFieldOptions: {
      nullable: false,
      complexity: { field: 0, multiplier: 1 },
      description: 'The items of the page with their cursors. Select `nodes` instead if you need no cursors.',
    },
    nodesOnConnection: { complexity: { field: 0, multiplier: 1 }, description: 'The items of the page.' },
    pageInfoFieldOptions: { complexity: 0, description: 'Information to read the next or previous page.' },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: 'The position of the item, for the arguments `after` and `before`.' },
    firstArgOptions: {
      description: `The number of items from the start of the list, at most ${MAX_PAGE}. Defaults to ${DEFAULT_PAGE}.`,
    },
    afterArgOptions: { description: 'Returns only items after this cursor.' },
    lastArgOptions: {
      description: `The number of items from the end of the list, at most ${MAX_PAGE}. Cannot be combined with \`first\`.`,
    },
    beforeArgOptions: { description: 'Returns only items before this cursor.' },
    hasNextPageFieldOptions: { description: 'Whether there are items after this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether there are items before this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first item. Null if the page is empty.' },
    endCursorFieldOptions: { description: 'The cursor of the last item. Null if the page is empty.' },
    pageInfoTypeOptions: {
      public: true,
      description: 'Information about a page, as defined by the Relay cursor connections specification.',
    },
    // The field of the list and the type of its items each require the permission.
    defaultConnectionTypeOptions: { public: true },
    defaultEdgeTypeOptions: { public: true },
    defaultConnectionFieldOptions: {
      complexity: (args: PageArgs) => pageCost(args),
    } as never,
    nodeTypeOptions: {
      description: 'An object with an ID, as defined by the Relay object identification specification.',
    },
    idFieldOptions: { description: ID },
    nodeQueryOptions: {
      own: true,
      extensions: withSource({ kind: 'node' }),
      nullable: true,
      description: 'The object with this ID. Null if it does not exist or is not visible to the caller.',
      args: { id: { description: 'The ID of the object.' } },
      resolve: async (_root, { id }, ctx, info, load) =>
        (await visibleNodes([id], ctx, info, async () => [await load(id)]))[0],
    },
    nodesQueryOptions: {
      own: true,
      nullable: { list: true, items: true },
      description: `The objects with these IDs, in the order of the IDs. Null for each object that does not exist or is not visible to the caller.`,
      args: { ids: { description: `The IDs of the objects, at most ${MAX_PAGE}.` } },
      complexity: (args) => ({ field: 1, multiplier: Math.max(args.ids.length, 1) }),
      resolve: (_root, { ids }, ctx, info, load) => visibleNodes(ids, ctx, info, load),
    },
  },
});

builder.addScalarType('DateTime', DateTime, {
  description: `A point in time in the format of RFC 3339, such as \`2026-01-31T09:30:00.000Z\`, in the years ${YEARS.first} to ${YEARS.last}. Results are in UTC.`,
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
});
builder.addScalarType('JSON', Json, {
  description: 'Any JSON value, as defined by ECMA-404.',
  specifiedByURL: 'https://ecma-international.org/publications-and-standards/standards/ecma-404/',
});
builder.scalarType('Permission', {
  description:
    'The name of a permission in the form `resource:action`, such as `check:update`. The query `permissions` lists all permissions.',
  // Relative to the repository, which contains the list of permissions.
  specifiedByURL: 'docs/permissions.md',
  serialize: String,
  parseValue: parseText,
});

builder.queryType({
  description: 'The fields that read data. `@requires` names the permission that a field requires.',
});
builder.mutationType({
  description:
    'The fields that change data. They run one after another, each in its own transaction. If one fails, the others are not rolled back.',
});

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    description: 'The number of items on all pages. Counted only if it is selected.',
    resolve: (connection) => connection.totalCount(),
  }),
);

export const Node = builder.nodeInterfaceRef();

const UserErrorCode = builder.enumType('UserErrorCode', {
  description: 'The kind of an error in the input. Codes are stable, messages are not.',
  values: Object.fromEntries(Object.entries(USER_ERROR_CODES).map(([code, description]) => [code, { description }])),
});

builder.enumType('ErrorCode', {
  description:
    'The values of `extensions.code` of a GraphQL error. No field has this type: it is for clients. Codes are stable, messages are not. A client must also accept a code that it does not know.',
  values: Object.fromEntries(Object.entries(ERROR_CODES).map(([code, description]) => [code, { description }])),
});

const UserErrorType = builder.objectRef<UserError>('UserError').implement({
  description: 'An error in the input that the caller can correct. If there is an error, nothing was changed.',
  public: true,
  fields: (t) => ({
    code: t.field({ type: UserErrorCode, description: 'The kind of the error.', resolve: (error) => error.code }),
    message: t.exposeString('message', { description: 'The error as a sentence, for people.' }),
    path: t.exposeStringList('path', {
      description:
        'The path of the field in the input, such as `["name"]`. Empty if the error concerns the whole input.',
    }),
    usedBy: t.field({
      type: [Node],
      description:
        'If the code is IN_USE, the objects that use this one: at most 100, and only those visible to the caller. Otherwise empty.',
      resolve: (error) => [...(error.usedBy ?? [])],
    }),
  }),
});

interface WithErrors {
  errors?: UserError[];
}

/** The field with the errors of a payload. */
const ERRORS = {
  type: [UserErrorType] as [typeof UserErrorType],
  description: 'The errors in the input. Empty if the mutation succeeded.',
  resolve: (payload: WithErrors) => payload.errors ?? [],
};

/** The same in the payload of a mutation that already counts as often as it has objects. */
export const ERRORS_OF_MANY = { ...ERRORS, complexity: { field: 1, multiplier: 1 } };

/** The interface of all payloads of mutations. */
export const Payload = builder.interfaceRef<WithErrors>('MutationPayload').implement({
  description: 'The payload of every mutation: its result, or the errors in the input.',
  fields: (t) => ({ errors: t.field(ERRORS) }),
});

export type SchemaTypes = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never;
