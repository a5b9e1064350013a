import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId } from '../../graphql/find-by.ts';
import { DELETED, mutation } from '../../graphql/mutation.ts';
import { orderInput, orderWords } from '../../graphql/resource-order.ts';
import { costOfList, searchDescription } from '../../graphql/search.ts';
import { permissionsField } from '../../graphql/viewer-permissions.ts';
import { capitalized } from '../../lib/words.ts';
import { findExpiry } from '../api-token/lifetime.ts';
import { LIMIT_ITEMS } from '../api-token/limits.ts';
import { GRACE_SECONDS, PreviousSecret, previousSecretOf, SECRET } from '../api-token/secret-graphql.ts';
import { isFeatureSuspended } from '../principal/access.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { findProject, visibleProject } from '../project/service.ts';
import { CredentialAccess, Viewer } from '../viewer/graphql.ts';
import { deleteApiKey, rotateApiKey, updateApiKey } from './change.ts';
import { createApiKey } from './create.ts';
import { listApiKeys } from './list.ts';
import { ApiKey } from './ref.ts';
import { creatorIdOf, effectivePermissionsOf, findApiKey, getApiKey, isOwnKey, permissionsOnKey } from './service.ts';

const ApiKeyPresetEnum = builder.enumType('ApiKeyPreset', {
  description: 'A named set of permissions of an API key.',
  values: {
    SDK: {
      description:
        'What a program needs to send data and to load prompts: `trace:create`, `span:create`, `thread:create`, `prompt:read` and `prompt_version:read`.',
    },
    READ_ONLY: {
      description:
        'The permissions of level PROJECT that only read, except those on API keys and on project roles (`api_key:*`, `project_member:*`).',
    },
    FULL: {
      description:
        'All permissions of level PROJECT, except those on API keys and on project roles (`api_key:*`, `project_member:*`).',
    },
  } as const,
});

builder.node(ApiKey, {
  description:
    'A credential of a project. It has permissions of its own in the project, and none elsewhere. They do not change with the permissions of its creator. It is deleted with the project, and with the API token or API key that created it.',
  permission: 'api_key:read',
  on: (key) => key.projectId,
  own: isOwnKey,
  id: { resolve: (key) => key.id },
  loadWithoutCache: (id, ctx) => findApiKey(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the key. Unique in the project, case-insensitive.' }),
    project: t.field({
      type: Project,
      nullable: true,
      description: 'The project that the key belongs to. Null if it is not visible to the caller.',
      resolve: (key, _args, ctx) => findProject(ctx, key.projectId),
    }),
    preset: t.field({
      type: ApiKeyPresetEnum,
      nullable: true,
      description: 'The preset that the permissions of the key were taken from. Null if they were given as patterns.',
      resolve: ({ preset }) => preset,
    }),
    permissions: t.exposeStringList('permissions', {
      description:
        'The permissions and patterns of the key. Patterns also match permissions that later versions of the server add. A preset gives the permissions that existed when it was set.',
    }),
    effectivePermissions: t.field({
      type: ['Permission'],
      description:
        'The permissions that the key has now in its project, within the plan. Includes `project:read`, which every other permission implies.',
      resolve: (key, _args, ctx) => effectivePermissionsOf(ctx, key),
    }),
    access: t.field({
      type: CredentialAccess,
      description: 'Whether the key allows changes. READ if all of its permissions only read.',
      resolve: ({ access }) => access,
    }),
    suspended: t.boolean({
      description:
        'Whether the plan of the organization suspends the permissions of the key. True for a key with patterns while the plan does not include `customRoles`. It then has only those of its permissions that the project role Read grants as well. Always false for a key with a preset.',
      resolve: ({ preset }, _args, ctx) => preset === null && isFeatureSuspended(ctx, 'customRoles'),
    }),
    addresses: t.exposeStringList('addresses', {
      nullable: true,
      description:
        'The IP addresses and networks from which the key can be used. Null if it can be used from everywhere.',
    }),
    hint: t.string({
      description: 'The prefix and the last four characters of the secret, such as `ambit_key_…9f2c`.',
      resolve: ({ hint }) => `ambit_key_…${hint}`,
    }),
    previousSecret: t.field({
      type: PreviousSecret,
      nullable: true,
      description: 'The secret before the last rotation. Null if it is not valid any more.',
      resolve: (key, _args, ctx) => previousSecretOf('ambit_key_', key, ctx.dependencies.clock()),
    }),
    createdBy: t.field({
      type: Principal,
      nullable: true,
      description:
        'The member or service account that created the key. Null if it is deleted or not visible to the caller, and for a key that another API key created.',
      resolve: ({ createdById }, _args, ctx) => findPrincipal(ctx, createdById),
    }),
    createdById: t.id({
      description:
        'The ID of the member, service account or API key that created the key. A member may have left the organization.',
      resolve: (key, _args, ctx) => creatorIdOf(ctx, key),
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the key was last used. Updated at most once a minute. Null if it was not used yet.',
    }),
    lastUsedAddress: t.exposeString('lastUsedAddress', {
      nullable: true,
      description: 'The IP address from which the key was last used. Null if it was not used yet.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the key was created.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When the key was last updated or rotated.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the key expires. A key that an API token created expires at the latest with the maximum lifetime `Organization.apiTokenMaxDays` of that token. Null if it does not expire.',
      resolve: (key, _args, ctx) => findExpiry(ctx, key),
    }),
    viewerPermissions: t.field({
      ...permissionsField('api_key'),
      description:
        'The permissions that the caller has on this key: those of its type, except `create`. Without `api_key:update` for a key that has permissions that the caller does not have.',
      resolve: (key, _args, ctx) => permissionsOnKey(ctx, key),
    }),
  }),
});

builder.queryField('apiKey', (t) =>
  t.field({
    type: ApiKey,
    nullable: true,
    own: true,
    description: 'The API key with this ID. Null if it does not exist or is not visible to the caller.',
    args: { id: t.arg.id({ required: true, description: 'The ID of the API key.' }) },
    resolve: (_root, { id }, ctx) => {
      ctx.unit.access.requireOrganization();
      return byId('key', (uuid) => findApiKey(ctx, uuid))(id);
    },
  }),
);

builder.objectField(Viewer, 'apiKey', (t) =>
  t.field({
    type: ApiKey,
    nullable: true,
    description: 'The API key of the request. Null for a session and for an API token.',
    resolve: ({ credential }, _args, ctx) => (credential?.kind === 'API_KEY' ? findApiKey(ctx, credential.id) : null),
  }),
);

const ApiKeyFilter = builder.inputType('ApiKeyFilter', {
  description: 'Selects the API keys that match all given fields.',
  fields: (t) => ({
    search: t.string({ description: searchDescription(['name'], 'API key') }),
    createdBy: t.id({
      description:
        'The ID of the member, service account or API key that created the keys, as in `createdById`. Also of a member who has left the organization.',
    }),
    preset: t.field({ type: ApiKeyPresetEnum, description: 'The preset of the keys.' }),
  }),
});

const ApiKeyOrder = orderInput(
  'ApiKey',
  'API keys',
  ['name', 'createdAt'],
  (key) => `${capitalized(orderWords(key))}.`,
);

builder.objectField(Project, 'apiKeys', (t) =>
  t.connection(
    {
      type: ApiKey,
      nullable: true,
      permission: 'api_key:read',
      on: (project) => project.id,
      complexity: (args) => costOfList(args),
      args: {
        filter: t.arg({ type: ApiKeyFilter, description: 'Which API keys to list. Defaults to all.' }),
        orderBy: t.arg({
          type: ApiKeyOrder,
          description: 'The order of the API keys. Defaults to ascending order by name.',
        }),
      },
      description: 'The API keys of the project, by default ordered by name.',
      resolve: (project, args, ctx) => listApiKeys(ctx, project.id, args),
    },
    connectionOf(ApiKey),
  ),
);

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
    'Gives an API key another secret. Everything else stays the same. An API token or API key can rotate only itself and the keys that were created with it. Returns NOT_HELD if the key has permissions that the caller does not have in the project, now or until the key expires. Returns CONFLICT while the secret before the last rotation is still valid.',
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
