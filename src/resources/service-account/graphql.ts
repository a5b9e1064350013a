import { ACCESS_CHANGES, DRY_RUN } from '../../graphql/access-changes.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { textCost } from '../../graphql/cost.ts';
import { byId, findBy } from '../../graphql/find-by.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { targetId } from '../../lib/input.ts';
import { Principal } from '../principal/graphql.ts';
import { listOfKind } from '../principal/list.ts';
import { principalList } from '../principal/list-graphql.ts';
import { isSelf, type PrincipalRow } from '../principal/service.ts';
import {
  createServiceAccount,
  deleteServiceAccount,
  findServiceAccount,
  findServiceAccountByName,
  updateServiceAccount,
} from './service.ts';

export const ServiceAccount = builder.objectRef<PrincipalRow>('ServiceAccount');

builder.node(ServiceAccount, {
  description: 'A program that has an organization role. It authenticates with the API tokens that are created for it.',
  permission: 'service_account:read',
  own: isSelf,
  interfaces: [Principal],
  id: { resolve: (account) => account.id },
  loadWithoutCache: (id, ctx) => findServiceAccount(ctx, id),
  brandLoadedObjects: true,
  fields: (t) => ({
    description: t.exposeString('description', {
      complexity: textCost(2_000),
      nullable: true,
      description: 'What the service account is used for. Null if there is none.',
    }),
  }),
});

builder.queryField('serviceAccount', (t) =>
  t.field({
    type: ServiceAccount,
    nullable: true,
    permission: 'service_account:read',
    description:
      'The service account with this ID or name. Null if there is none. Returns BAD_REQUEST unless exactly one of the two is given.',
    args: {
      id: t.arg.id({ description: 'The ID of the service account.' }),
      name: t.arg.string({ description: 'The name of the service account. Case-insensitive.' }),
    },
    resolve: (_root, args, ctx) =>
      findBy(args, {
        id: byId('sva', (id) => findServiceAccount(ctx, id)),
        name: (name) => findServiceAccountByName(ctx, name),
      }),
  }),
);

const list = principalList('ServiceAccount', ['name', 'description']);

builder.queryField('serviceAccounts', (t) =>
  t.connection(
    {
      type: ServiceAccount,
      nullable: true,
      permission: 'service_account:read',
      complexity: list.complexity,
      description: 'The service accounts of the organization, by default oldest first.',
      args: {
        filter: t.arg({ type: list.filter, description: 'Which service accounts to list. Defaults to all.' }),
        orderBy: t.arg({
          type: list.order,
          description: 'The order of the service accounts. Defaults to oldest first.',
        }),
      },
      resolve: (_root, args, ctx) => listOfKind(ctx, 'service account', args),
    },
    connectionOf(ServiceAccount),
  ),
);

const NAME = 'The name, 1 to 100 characters. Unique in the organization, case-insensitive.';
const DESCRIPTION = 'What the service account is used for, 1 to 2,000 characters.';
const EXPIRES = 'When the role expires. Requires `roleId` and `fallbackRoleId`. By default it does not expire.';
const NEW_EXPIRES =
  'When the new role expires. Requires `roleId` and `fallbackRoleId`. If omitted with the current role, its expiry is unchanged. If omitted with another role, the new role is permanent, or REQUIRED is returned if the current role expires. Null makes the role permanent.';
const FALLBACK = 'The ID of the organization role from `roleExpiresAt` on.';

mutation('createServiceAccount', {
  permission: 'service_account:create',
  description:
    'Creates a service account. Returns NOT_HELD if its role grants permissions that the caller does not have.',
  input: (t) => ({
    name: t.string({ required: true, description: NAME }),
    description: t.string({ description: DESCRIPTION }),
    roleId: t.id({ required: true, visibleWith: 'role:read', description: 'The ID of its organization role.' }),
    roleExpiresAt: t.field({ type: 'DateTime', description: EXPIRES }),
    fallbackRoleId: t.id({ visibleWith: 'role:read', description: FALLBACK }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { serviceAccount: { type: ServiceAccount, description: 'The new service account.' }, ...ACCESS_CHANGES },
  resolve: async (input, ctx) => withChanges(ctx, 'serviceAccount', await createServiceAccount(ctx, input)),
});

mutation('updateServiceAccount', {
  permission: 'service_account:update',
  description:
    'Updates a service account or its organization role. Omitted fields are unchanged. Returns NOT_HELD if it would gain or lose permissions that the caller does not have.',
  input: (t) => ({
    id: t.id({
      required: true,
      visibleWith: 'service_account:read',
      own: true,
      description: 'The ID of the service account.',
    }),
    name: t.string({ description: `${NAME} Cannot be null.` }),
    description: t.string({ description: `${DESCRIPTION} Null clears it.` }),
    roleId: t.id({ visibleWith: 'role:read', description: 'The ID of the new organization role. Cannot be null.' }),
    roleExpiresAt: t.field({ type: 'DateTime', description: NEW_EXPIRES }),
    fallbackRoleId: t.id({ visibleWith: 'role:read', description: FALLBACK }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: {
    serviceAccount: { type: ServiceAccount, description: 'The updated service account.' },
    ...ACCESS_CHANGES,
  },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'serviceAccount', await updateServiceAccount(ctx, targetId('sva', id), input)),
});

mutation('deleteServiceAccount', {
  permission: 'service_account:delete',
  description:
    'Deletes a service account. Its API tokens are refused from the next request on. Returns NOT_HELD if it has permissions that the caller does not have.',
  input: (t) => ({
    id: t.id({
      required: true,
      visibleWith: 'service_account:read',
      own: true,
      description: 'The ID of the service account.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, dryRun }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteServiceAccount(ctx, targetId('sva', id), dryRun ?? false)),
});
