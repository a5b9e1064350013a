import { DELETED, mutation } from '../../graphql/mutation.ts';
import { LIMIT_ITEMS } from '../api-token/limits.ts';
import { GRACE_SECONDS, SECRET } from '../api-token/secret-graphql.ts';
import { visibleProject } from '../project/service.ts';
import { deleteApiKey, rotateApiKey, updateApiKey } from './change.ts';
import { createApiKey } from './create.ts';
import { ApiKeyPresetEnum } from './graphql.ts';
import { ApiKey } from './ref.ts';
import { getApiKey } from './service.ts';

const NAME = 'The name of the key, 1 to 100 characters. Unique in the project, case-insensitive.';
const PRESET = 'A preset of permissions. Cannot be combined with `permissions`.';
const PERMISSIONS = `Permissions of level PROJECT, and patterns such as \`dataset:*\`, \`*:read\` and \`*\` that match some, 1 to ${LIMIT_ITEMS.permissions}. A pattern gives \`api_key:create\`, \`api_key:update\` and \`api_key:delete\` only if it is that permission itself. Cannot be combined with \`preset\`. Returns PLAN_REQUIRED if the plan has no custom roles, and INVALID for a pattern that gives no permission.`;
const ADDRESSES = `The IP addresses and networks in CIDR notation, such as \`10.0.0.0/8\`, from which the key can be used, 1 to ${LIMIT_ITEMS.addresses}. If the API token or API key of the request is limited to addresses, they must be among those.`;
const NOT_BEYOND =
  'Must not be later than the expiry of the API token or API key of the request, and is required if that expires.';
mutation('createApiKey', {
  rateLimit: 'apiKeys',
  permission: 'api_key:create',
  description:
    'Creates an API key of a project. Exactly one of `preset` and `permissions` is required. A key that is created with an API token or another API key is deleted together with it. Returns NOT_HELD if the key would have permissions that the caller does not have in the project, now or until the key expires, and PLAN_REQUIRED if the project has all API keys that the plan includes.',
  input: (t) => ({
    projectId: t.id({ required: true, visibleWith: 'project:read', description: 'The ID of the project of the key.' }),
    name: t.string({ required: true, description: NAME }),
    preset: t.field({ type: ApiKeyPresetEnum, description: `${PRESET} Required without it.` }),
    permissions: t.stringList({ description: PERMISSIONS }),
    addresses: t.stringList({
      description: `${ADDRESSES} Defaults to those of the request’s token or key, or else to all addresses.`,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: `When the key expires. By default it does not expire. ${NOT_BEYOND}`,
    }),
  }),
  on: async (input, ctx) => (await visibleProject(ctx, input.projectId)).id,
  results: { apiKey: { type: ApiKey, description: 'The new API key.' }, secret: SECRET },
  resolve: async ({ projectId, ...input }, ctx) => createApiKey(ctx, await visibleProject(ctx, projectId), input),
});

mutation('updateApiKey', {
  permission: 'api_key:update',
  description:
    'Updates an API key. Omitted fields are unchanged. The change applies from the next request on. Keys that were created with it keep their permissions, but do not expire later than it. Returns NOT_HELD if the key has permissions that the caller does not have in the project, before or after the update.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'api_key:read', own: true, description: 'The ID of the API key.' }),
    name: t.string({ description: `${NAME} Cannot be null.` }),
    preset: t.field({
      type: ApiKeyPresetEnum,
      description: `${PRESET} Replaces the permissions of the key. Cannot be null without \`permissions\`.`,
    }),
    permissions: t.stringList({
      description: `${PERMISSIONS} Replaces the permissions of the key. Cannot be null without \`preset\`.`,
    }),
    addresses: t.stringList({
      description: `${ADDRESSES} Null clears it: the key can then be used from all addresses, or from those of the request’s token or key.`,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: `When the key expires. Null clears it: the key then does not expire. ${NOT_BEYOND}`,
    }),
  }),
  on: async (input, ctx) => (await getApiKey(ctx, input.id)).projectId,
  results: { apiKey: { type: ApiKey, description: 'The updated API key.' } },
  resolve: async ({ id, ...input }, ctx) => ({ apiKey: await updateApiKey(ctx, await getApiKey(ctx, id), input) }),
});

mutation('rotateApiKey', {
  rateLimit: 'apiKeys',
  permission: 'api_key:update',
  description:
    'Gives an API key a new secret. Everything else stays the same. An API token or API key can rotate only itself and the keys that were created with it. Returns NOT_HELD if the key has permissions that the caller does not have in the project, now or until the key expires. Returns CONFLICT while the secret before the last rotation is still valid.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'api_key:read', own: true, description: 'The ID of the API key.' }),
    graceSeconds: t.int({ description: GRACE_SECONDS }),
  }),
  on: async (input, ctx) => (await getApiKey(ctx, input.id)).projectId,
  results: { apiKey: { type: ApiKey, description: 'The API key.' }, secret: SECRET },
  resolve: async ({ id, ...input }, ctx) => rotateApiKey(ctx, await getApiKey(ctx, id), input),
});

mutation('deleteApiKey', {
  permission: 'api_key:delete',
  description:
    'Revokes an API key, with the keys that were created with it. They are refused from the next request on. The caller needs no permission of the key.',
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'api_key:read', own: true, description: 'The ID of the API key.' }),
  }),
  on: async (input, ctx) => (await getApiKey(ctx, input.id)).projectId,
  results: DELETED,
  resolve: async ({ id }, ctx) => ({ deletedId: await deleteApiKey(ctx, await getApiKey(ctx, id)) }),
});
