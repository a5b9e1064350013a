import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { byId } from '../../graphql/find-by.ts';
import { orderInput, orderWords } from '../../graphql/resource-order.ts';
import { costOfList, searchDescription } from '../../graphql/search.ts';
import { permissionsField } from '../../graphql/viewer-permissions.ts';
import { capitalized } from '../../lib/words.ts';
import { findExpiry } from '../api-token/lifetime.ts';
import { PreviousSecret, previousSecretOf } from '../api-token/secret-graphql.ts';
import { isFeatureSuspended } from '../principal/access.ts';
import { Principal } from '../principal/graphql.ts';
import { findPrincipal } from '../principal/service.ts';
import { Project } from '../project/ref.ts';
import { findProject } from '../project/service.ts';
import { CredentialAccess, Viewer } from '../viewer/graphql.ts';
import { listApiKeys } from './list.ts';
import { ApiKey } from './ref.ts';
import { creatorIdOf, effectivePermissionsOf, findApiKey, isOwnKey, permissionsOnKey } from './service.ts';

export const ApiKeyPresetEnum = builder.enumType('ApiKeyPreset', {
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
      description: 'The secret before the last rotation. Null if it is not valid any more, and without a rotation.',
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
        'When the key expires. If an API token created it, at the latest when the maximum lifetime `Organization.apiTokenMaxDays` of that token ends. Null if it does not expire.',
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
