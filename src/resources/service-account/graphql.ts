import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import { aboutOne, viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../principal/access-change-graphql.ts';
import { mayDo, Principal, roleOf } from '../principal/graphql.ts';
import { findPrincipal, listPrincipals, type PrincipalRow } from '../principal/service.ts';
import { RoleType } from '../role/ref.ts';
import { createServiceAccount, deleteServiceAccount, updateServiceAccount } from './service.ts';

export const ServiceAccount = builder.objectRef<PrincipalRow>('ServiceAccount');

builder.node(ServiceAccount, {
  description: 'A program with an organization role of its own. It acts through API tokens that are made for it.',
  permission: 'service_account:read',
  interfaces: [Principal],
  id: { resolve: (account) => account.id },
  loadWithoutCache: async (id, ctx) => {
    const row = await findPrincipal(ctx, id);
    return row && !row.userId ? row : null;
  },
  brandLoadedObjects: true,
  fields: (t) => ({
    name: t.string({ description: 'Its name, unique in the organization.', resolve: (account) => account.name ?? '' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is for.' }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The organization role in force; null for who may not see roles.',
      resolve: (account, _args, ctx) => roleOf(account, ctx),
    }),
    viewerPermissions: t.field({
      ...viewerPermissions<PrincipalRow>('service_account'),
      resolve: (account, _args, ctx) => mayDo(account, ctx, aboutOne('service_account')),
    }),
  }),
});

builder.queryField('serviceAccounts', (t) =>
  t.connection(
    {
      type: ServiceAccount,
      nullable: true,
      permission: 'service_account:read',
      description: 'The service accounts of the organization, the oldest first.',
      resolve: (_root, args, ctx) => listPrincipals(ctx, 'service account', args),
    },
    connectionOf(ServiceAccount),
  ),
);

mutation('createServiceAccount', {
  permission: 'service_account:create',
  description: 'Makes a service account. Refused (NOT_HELD) for a role that grants what the caller does not hold.',
  input: (t) => ({
    name: t.string({ required: true, description: 'Its name, 1 to 100 characters, unique in the organization.' }),
    description: t.string({ description: 'What it is for, at most 2,000 characters.' }),
    roleId: t.id({ required: true, visibleWith: 'role:read', description: 'Its organization role.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the role ends by itself; together with `fallbackRoleId`.',
    }),
    fallbackRoleId: t.id({ visibleWith: 'role:read', description: 'The role that follows from `expiresAt` on.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { serviceAccount: { type: ServiceAccount, description: 'The new service account.' }, ...ACCESS_CHANGES },
  resolve: async (input, ctx) => withChanges(ctx, 'serviceAccount', await createServiceAccount(ctx, input)),
});

mutation('updateServiceAccount', {
  permission: 'service_account:update',
  description: 'Changes a service account or its role. What is omitted stays as it is.',
  input: (t) => ({
    id: t.id({
      required: true,
      visibleWith: 'service_account:read',
      own: true,
      description: 'The service account.',
    }),
    name: t.string({ description: 'Its name, 1 to 100 characters, unique in the organization. Cannot be cleared.' }),
    description: t.string({ description: 'What it is for, at most 2,000 characters; null clears it.' }),
    roleId: t.id({ visibleWith: 'role:read', description: 'Its organization role. Cannot be cleared.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the role ends by itself; together with `fallbackRoleId`.',
    }),
    fallbackRoleId: t.id({ visibleWith: 'role:read', description: 'The role that follows from `expiresAt` on.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: {
    serviceAccount: { type: ServiceAccount, description: 'The service account as it is now.' },
    ...ACCESS_CHANGES,
  },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'serviceAccount', await updateServiceAccount(ctx, targetId('sva', id), input)),
});

mutation('deleteServiceAccount', {
  permission: 'service_account:delete',
  description: 'Deletes a service account; its tokens end with the next request.',
  input: (t) => ({
    id: t.id({
      required: true,
      visibleWith: 'service_account:read',
      own: true,
      description: 'The service account.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, dryRun }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteServiceAccount(ctx, targetId('sva', id), dryRun ?? false)),
});
