import type { Permission } from '../../access/catalog.ts';
import type { Context } from '../../context.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId } from '../../graphql/find-by.ts';
import { permissionsField } from '../../graphql/viewer-permissions.ts';
import { accessOfCredential } from '../../identity/actor.ts';
import { shownSecret } from '../../lib/secret.ts';
import { nounOf } from '../../lib/words.ts';
import { Member } from '../member/graphql.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal, isSelf } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { findProjects } from '../project/service.ts';
import { ServiceAccount } from '../service-account/graphql.ts';
import { findExpiry } from './lifetime.ts';
import { PreviousSecret, previousSecretOf } from './secret-graphql.ts';
import { type ApiTokenRow, findApiToken, isOwnToken, listApiTokens, listApiTokensOf, mayRevoke } from './service.ts';

export const AccessEnum = builder.enumType('ApiTokenAccess', {
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
    permissions: t.exposeStringList('permissions', {
      nullable: true,
      description:
        'The permissions and patterns that the token is limited to, within the permissions of its principal. Null if there is no such limit.',
    }),
    projects: t.field({
      type: [Project],
      nullable: true,
      description:
        'The projects that the token is limited to, without those that are deleted or not visible to the caller. Null if there is no such limit.',
      resolve: ({ projectIds }, _args, ctx) => projectIds && findProjects(ctx, projectIds),
    }),
    addresses: t.exposeStringList('addresses', {
      nullable: true,
      description:
        'The IP addresses and networks from which the token can be used. Null if it can be used from everywhere.',
    }),
    hint: t.string({
      nullable: true,
      description:
        'The prefix and the last four characters of the secret, such as `ambit_pat_…9f2c`. Null for a token that an earlier version of the server created.',
      resolve: ({ hint }) => shownSecret('ambit_pat_', hint),
    }),
    previousSecret: t.field({
      type: PreviousSecret,
      nullable: true,
      description: 'The secret before the last rotation. Null if it is not valid any more, and without a rotation.',
      resolve: (token, _args, ctx) => previousSecretOf('ambit_pat_', token, ctx.dependencies.clock()),
    }),
    createdBy: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account that created the token. Null if it is deleted or not visible to the caller, and for a token that an earlier version of the server created.',
      resolve: ({ createdById }, _args, ctx) => (createdById ? findPrincipal(ctx, createdById) : null),
    }),
    createdWith: t.field({
      type: ApiToken,
      nullable: true,
      description:
        'The API token with which the token was created, and with which it is deleted. Null if there is none, and for a token of a service account, which is not deleted with another token.',
      resolve: ({ createdWithId }, _args, ctx) => (createdWithId ? findApiToken(ctx, createdWithId) : null),
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the token was last used. Updated at most once a minute. Null if it was not used yet.',
    }),
    lastUsedAddress: t.exposeString('lastUsedAddress', {
      nullable: true,
      description: 'The IP address from which the token was last used. Null if it was not used yet.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the token was created.' }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the token expires, at the latest after the maximum lifetime `Organization.apiTokenMaxDays`. Null if it does not expire.',
      resolve: (token, _args, ctx) => findExpiry(ctx, token),
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
