import { DELETED, mutation } from '../../graphql/mutation.ts';
import { targetId } from '../../lib/input.ts';
import { createApiToken } from './create.ts';
import { AccessEnum, ApiToken } from './graphql.ts';
import { LIMIT_ITEMS } from './limits.ts';
import { rotateApiToken } from './rotate.ts';
import { GRACE_SECONDS, SECRET } from './secret-graphql.ts';
import { deleteApiToken } from './service.ts';

const DEFAULT_LIMIT =
  'Defaults to the limit of the API token of the request, or to no limit for a session. Returns INVALID if it exceeds that limit.';

mutation('createApiToken', {
  rateLimit: 'apiTokens',
  permission: 'api_token:create',
  description:
    'Creates an API token for the caller or for a service account. If the request uses an API token, the new token cannot expire later than that token, and must not exceed its limits. A token of a member that was created with another token is deleted with that token.',
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
    permissions: t.stringList({
      description: `Permissions and patterns such as \`check:read\`, \`check:*\` and \`*:read\` that the token is limited to, 1 to ${LIMIT_ITEMS.permissions}. ${DEFAULT_LIMIT}`,
    }),
    projectIds: t.idList({
      visibleWith: 'project:read',
      own: true,
      description: `The IDs of the projects that the token is limited to, 1 to ${LIMIT_ITEMS.projectIds}. It then has no permissions in the organization or in other projects. ${DEFAULT_LIMIT}`,
    }),
    addresses: t.stringList({
      description: `The IP addresses and networks in CIDR notation, such as \`10.0.0.0/8\`, from which the token can be used, 1 to ${LIMIT_ITEMS.addresses}. ${DEFAULT_LIMIT}`,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description:
        'When the token expires. Must not be after the maximum lifetime `Organization.apiTokenMaxDays`, which is also the default. Without a maximum, it does not expire by default.',
    }),
  }),
  results: {
    apiToken: { type: ApiToken, description: 'The new token.' },
    secret: SECRET,
  },
  resolve: (input, ctx) => createApiToken(ctx, input),
});

mutation('rotateApiToken', {
  rateLimit: 'apiTokens',
  permission: 'api_token:create',
  own: true,
  description:
    'Gives an API token a new secret. Everything else stays the same. Callers can rotate their own tokens, and those of service accounts with the permissions that `createApiToken` requires for them. Returns NOT_OWN for the token of another member. An API token can rotate only itself and the tokens that were created with it, and cannot extend their lifetime beyond its own. Returns CONFLICT while the secret before the last rotation is still valid.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'api_token:read', own: true, description: 'The ID of the API token.' }),
    graceSeconds: t.int({ description: GRACE_SECONDS }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the token expires. Unchanged if omitted. With null, it does not expire.',
    }),
  }),
  results: { apiToken: { type: ApiToken, description: 'The token.' }, secret: SECRET },
  resolve: async ({ id, ...input }, ctx) => rotateApiToken(ctx, targetId('tok', id), input),
});

mutation('deleteApiToken', {
  permission: 'api_token:delete',
  own: true,
  description:
    'Revokes an API token, with the API tokens and API keys that were created with it. They are refused from the next request on. Callers without the permission can revoke their own tokens only. Returns NOT_HELD for a token of an Owner, unless the caller is an Owner.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'api_token:read', own: true, description: 'The ID of the API token.' }),
  }),
  results: DELETED,
  resolve: async (input, ctx) => ({ deletedId: await deleteApiToken(ctx, targetId('tok', input.id)) }),
});
