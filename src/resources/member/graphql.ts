import type { Permission } from '../../access/catalog.ts';
import { isAskedFor } from '../../data/loader.ts';
import { builder } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { DELETED, mutation, withChanges } from '../../graphql/mutation.ts';
import type { Target } from '../../graphql/target.ts';
import { viewerPermissions } from '../../graphql/viewer-permissions.ts';
import { targetId } from '../../lib/input.ts';
import { ACCESS_CHANGES, DRY_RUN } from '../principal/access-change-graphql.ts';
import { mayDo, Principal, roleOf } from '../principal/graphql.ts';
import { findPrincipal, listPrincipals, type PrincipalRow } from '../principal/service.ts';
import { principals } from '../principal/table.ts';
import { RoleType } from '../role/ref.ts';
import { User } from '../user/graphql.ts';
import { findUserOfMember } from '../user/service.ts';
import { deleteMember, leaveOrganization, transferOwnership, updateMember } from './service.ts';

export const Member = builder.objectRef<PrincipalRow>('Member');

const ABOUT: readonly Permission[] = [
  'member:read',
  'member:update',
  'member:delete',
  'session:read',
  'session:delete',
];

builder.node(Member, {
  description: 'A person in the organization, with the role that they have there.',
  permission: 'member:read',
  interfaces: [Principal],
  id: { resolve: (member) => member.id },
  loadWithoutCache: async (id, ctx) => {
    const row = await findPrincipal(ctx, id);
    return row?.userId ? row : null;
  },
  brandLoadedObjects: true,
  fields: (t) => ({
    user: t.field({
      type: User,
      nullable: true,
      description: 'The person.',
      resolve: async (member, _args, ctx) => (await findUserOfMember(ctx, member.id))?.user ?? null,
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: 'The organization role in force; null for who may not see roles.',
      resolve: (member, _args, ctx) => roleOf(member, ctx),
    }),
    viewerPermissions: t.field({
      ...viewerPermissions<PrincipalRow>('member'),
      resolve: (member, _args, ctx) => mayDo(member, ctx, ABOUT),
    }),
  }),
});

builder.queryField('members', (t) =>
  t.connection(
    {
      type: Member,
      nullable: true,
      permission: 'member:read',
      description: 'The members of the organization, in the order of joining.',
      resolve: (_root, args, ctx) => listPrincipals(ctx, 'member', args),
    },
    connectionOf(Member),
  ),
);

const NOT_HELD = 'Refused (NOT_HELD) when somebody would gain or lose what the caller does not hold';

mutation('updateMember', {
  permission: 'member:update',
  description: `Gives the member another role. ${NOT_HELD}; the last Owner stays Owner (LAST_OWNER).`,
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'member:read', own: true, description: 'The member.' }),
    roleId: t.id({ visibleWith: 'role:read', description: 'The new organization role. Cannot be cleared.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the role ends by itself; together with `fallbackRoleId`.',
    }),
    fallbackRoleId: t.id({ visibleWith: 'role:read', description: 'The role that follows from `expiresAt` on.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { member: { type: Member, description: 'The member as they are now.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, ...input }, ctx) =>
    withChanges(ctx, 'member', await updateMember(ctx, targetId('mem', id), input)),
});

mutation('deleteMember', {
  permission: 'member:delete',
  description: `Removes the member: their sessions and API tokens of this organization end with the next request, their checks lose their owner. ${NOT_HELD}, and for the last Owner (LAST_OWNER).`,
  input: (t) => ({
    id: t.id({ required: true, visibleWith: 'member:read', own: true, description: 'The member.' }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ id, dryRun }, ctx) =>
    withChanges(ctx, 'deletedId', await deleteMember(ctx, targetId('mem', id), dryRun ?? false)),
});

mutation('leaveOrganization', {
  own: true,
  description:
    'Ends one’s own membership of the organization, with its sessions and tokens. The last Owner stays (LAST_OWNER).',
  input: (t) => ({ dryRun: t.boolean({ description: DRY_RUN }) }),
  results: { ...DELETED, ...ACCESS_CHANGES },
  resolve: async ({ dryRun }, ctx) => withChanges(ctx, 'deletedId', await leaveOrganization(ctx, dryRun ?? false)),
});

mutation('transferOwnership', {
  permission: 'organization:transfer',
  description:
    'Makes the member Owner and the caller Admin, in one. To have a second Owner instead, use `updateMember`.',
  input: (t) => ({
    id: t.id({
      required: true,
      visibleWith: 'member:read',
      own: true,
      description: 'The member who becomes Owner.',
    }),
    dryRun: t.boolean({ description: DRY_RUN }),
  }),
  results: { member: { type: Member, description: 'The new Owner.' }, ...ACCESS_CHANGES },
  resolve: async ({ id, dryRun }, ctx) =>
    withChanges(ctx, 'member', await transferOwnership(ctx, targetId('mem', id), dryRun ?? false)),
});

/** A member as the target of a reference, such as the owner of a check. */
export const memberTarget: Target = {
  name: 'Member',
  type: Member as unknown as Target['type'],
  prefix: 'mem',
  table: principals,
  permission: 'member:read',
  project: null,
  projectOf: () => null,
  isWholeTable: false,
  load: async (ctx, id, info) => {
    // In the same round trip as the member.
    if (info && isAskedFor(info, 'user')) findUserOfMember(ctx, id).catch(() => undefined);
    const row = await findPrincipal(ctx, id);
    return row?.userId ? row : null;
  },
  loadByAlias: null,
};
