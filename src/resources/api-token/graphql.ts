import type { Permission } from '../../access/catalog.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId } from '../../graphql/find-by.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { permissionsField } from '../../graphql/viewer-permissions.ts';
import { accessOfCredential } from '../../identity/actor.ts';
import { targetId } from '../../lib/input.ts';
import { nounOf } from '../../lib/words.ts';
import { Member } from '../member/graphql.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, isSelf } from '../principal/service.ts';
import { ServiceAccount } from '../service-account/graphql.ts';
import {
  type ApiTokenRow,
  createApiToken,
  deleteApiToken,
  findApiToken,
  isOwnToken,
  listApiTokens,
  listApiTokensOf,
  mayRevoke,
} from './service.ts';

const AccessEnum = builder.enumType('ApiTokenAccess', {
  description: 'What an API token allows, within the permissions of the member or service account that it acts for.',
  values: {
    READ: { description: 'Reading only.' },
    WRITE: {
      permission: 'api_token:grant_write',
      description:
        'Reading and changing. The token of a member counts as READ while the member does not hold `api_token:grant_write`. The token of a service account does not, because its creator held that permission.',
    },
  } as const,
});

export const ApiToken = builder.objectRef<ApiTokenRow>('ApiToken');

/** The caller's own tokens need no permission. `api_token:grant_write` concerns new tokens only. */
async function mayDo(token: ApiTokenRow, ctx: Context): Promise<Permission[]> {
  const own = isOwnToken(token, ctx);
  const reads = own || ctx.unit.access.can('api_token:read');
  const revokes = own ? accessOfCredential(ctx.unit.actor) === 'WRITE' : await mayRevoke(ctx, token.principalId);
  return [...(reads ? (['api_token:read'] as const) : []), ...(revokes ? (['api_token:delete'] as const) : [])];
}

builder.node(ApiToken, {
  description:
    'A credential that lets a program act for a member or service account, with their permissions at the time of the request.',
  permission: 'api_token:read',
  own: isOwnToken,
  id: { resolve: (token) => token.id },
  loadWithoutCache: (id, ctx) => findApiToken(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the token.' }),
    access: t.field({
      type: AccessEnum,
      description: 'Whether the token allows changes.',
      resolve: (token) => token.access,
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: 'The member or service account that the token acts for. Null if it is not visible to the caller.',
      resolve: (token, _args, ctx) => findPrincipal(ctx, token.principalId),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the token was created.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the token expires. Null if it does not expire.',
    }),
    viewerPermissions: t.field({
      ...permissionsField('api_token'),
      resolve: (token, _args, ctx) => mayDo(token, ctx),
    }),
  }),
});

builder.queryField('apiToken', (t) =>
  t.field({
    type: ApiToken,
    nullable: true,
    permission: 'api_token:read',
    own: true,
    description: 'The API token with this ID. Null if it does not exist or is not visible to the caller.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the API token.' }) },
    resolve: (_root, { id }, ctx) => byId('tok', (uuid) => findApiToken(ctx, uuid))(id),
  }),
);

const ApiTokenFilter = builder.inputType('ApiTokenFilter', {
  description: 'Selects the API tokens that match all given fields.',
  fields: (t) => ({
    principalId: t.id({
      visibleWith: ['member:read', 'service_account:read'],
      own: true,
      description: 'The ID of the member or service account that the tokens act for.',
    }),
  }),
});

builder.queryField('apiTokens', (t) =>
  t.connection(
    {
      type: ApiToken,
      nullable: true,
      permission: 'api_token:read',
      own: true,
      args: { filter: t.arg({ type: ApiTokenFilter, description: 'Which API tokens to list. Defaults to all.' }) },
      description:
        'The API tokens of the organization, newest first. Callers without the permission get their own tokens only.',
      resolve: (_root, args, ctx) => listApiTokens(ctx, args),
    },
    connectionOf(ApiToken),
  ),
);

for (const type of [Member, ServiceAccount])
  builder.objectField(type, 'apiTokens', (t) =>
    t.connection(
      {
        type: ApiToken,
        nullable: true,
        permission: 'api_token:read',
        own: isSelf,
        description: `The API tokens that act for the ${nounOf(type.name)}, newest first.`,
        resolve: (principal, args, ctx) => listApiTokensOf(ctx, principal.id, args),
      },
      connectionOf(ApiToken),
    ),
  );

mutation('createApiToken', {
  rateLimit: 'apiTokens',
  permission: 'api_token:create',
  description:
    'Creates an API token for the caller or for a service account. If the request uses an API token, the new token cannot expire later than that token.',
  input: (t) => ({
    serviceAccountId: t.id({
      permission: 'service_account:update',
      visibleWith: 'service_account:read',
      description:
        'The ID of the service account that the token acts for. Defaults to the caller. Returns NOT_HELD for a service account that has permissions that the caller does not have.',
    }),
    name: t.string({ required: true, description: 'The name of the token, 1 to 100 characters.' }),
    access: t.field({
      type: AccessEnum,
      defaultValue: 'READ',
      description: 'Whether the token allows changes.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the token expires. By default it does not expire.',
    }),
  }),
  results: {
    apiToken: { type: ApiToken, description: 'The new token.' },
    secret: {
      type: 'String',
      description:
        'The value for the header `Authorization: Bearer …`. It cannot be read again, because only its hash is stored.',
    },
  },
  resolve: (input, ctx) => createApiToken(ctx, input),
});

mutation('deleteApiToken', {
  permission: 'api_token:delete',
  own: true,
  description:
    'Revokes an API token. It is refused from the next request on. Callers without the permission can revoke their own tokens only. Returns NOT_HELD for a token of an Owner, unless the caller is an Owner.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'api_token:read', own: true, description: 'The ID of the API token.' }),
  }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteApiToken(ctx, targetId('tok', input.id)) }),
});
