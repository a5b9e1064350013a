import type { Permission } from '../../access/catalog.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import {
  type ApiTokenRow,
  createApiToken,
  deleteApiToken,
  findApiToken,
  isOwnToken,
  listApiTokens,
} from './service.ts';

export const AccessEnum = builder.enumType('ApiTokenAccess', {
  description: 'How far a token reaches: never further than whom it acts for at that moment.',
  values: {
    READ: { description: 'What they may see. Changes nothing.' },
    WRITE: { permission: 'api_token:grant_write', description: 'What they may see and change.' },
  } as const,
});

export const ApiToken = builder.objectRef<ApiTokenRow>('ApiToken');

/** What is one's own needs no permission. Giving write access is for tokens to be made, not for one that exists. */
function mayDo(token: ApiTokenRow, ctx: Context): Permission[] {
  const own = isOwnToken(token, ctx);
  const change = own && ctx.unit.actor.credential?.access === 'WRITE';
  return (['api_token:read', 'api_token:delete'] as const).filter(
    (name) => ctx.unit.access.can(name) || (name === 'api_token:read' ? own : change),
  );
}

builder.node(ApiToken, {
  description:
    'Lets a program act for a member or a service account, with what they hold at that moment and the token lets through.',
  permission: 'api_token:read',
  own: isOwnToken,
  id: { resolve: (token) => token.id },
  loadWithoutCache: (id, ctx) => findApiToken(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What it is for.' }),
    access: t.field({ type: AccessEnum, description: 'How far it reaches.', resolve: (token) => token.access }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: 'Whom it acts for.',
      resolve: (token, _args, ctx) => findPrincipal(ctx, token.principalId),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends; null when it does not.',
    }),
    viewerPermissions: t.field({
      ...viewerPermissions<ApiTokenRow>('api_token'),
      resolve: (token, _args, ctx) => mayDo(token, ctx),
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
      description:
        'API tokens of the organization, the newest first: all of them, or without the permission one’s own.',
      resolve: (_root, args, ctx) => listApiTokens(ctx, args),
    },
    connectionOf(ApiToken),
  ),
);

mutation('createApiToken', {
  permission: 'api_token:create',
  description:
    'Makes an API token that acts for the caller or for a service account. A token that is made with a token ends no later than that one.',
  input: (t) => ({
    serviceAccountId: t.id({
      permission: 'service_account:update',
      visibleWith: 'service_account:read',
      description:
        'The service account that it acts for. Defaults to the caller. Refused (NOT_HELD) for an account that may do more than the caller.',
    }),
    name: t.string({ required: true, description: 'What it is for, 1 to 100 characters.' }),
    access: t.field({ type: AccessEnum, defaultValue: 'READ', description: 'How far it reaches.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it ends. Without it the token lasts until it is deleted.',
    }),
  }),
  results: {
    apiToken: { type: ApiToken, description: 'The new token.' },
    secret: {
      type: 'String',
      description: 'What to send as `Authorization: Bearer …`. Shown this once; only a hash of it is kept.',
    },
  },
  resolve: (input, ctx) => createApiToken(ctx, input),
});

mutation('deleteApiToken', {
  permission: 'api_token:delete',
  own: true,
  description: 'Revokes a token: one’s own, or with the permission anybody’s. Its next request is refused.',
  input: (t) => ({ id: t.id({ required: true, visibleWith: 'api_token:read', own: true, description: 'The token.' }) }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteApiToken(ctx, targetId('tok', input.id)) }),
});
